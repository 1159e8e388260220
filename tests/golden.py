"""The golden example of the formulas: four samples, five classes, float64."""

import numpy as np

CENTERS = np.array(
    [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [-1, 2, 0, 1]],
    "float64",
)
EMBEDDINGS = np.array(
    [[3, 1, 0, 0], [1, 1, 1, 1], [12, 16, 15, 20], [-30, 30, -29, 30]],
    "float64",
)
LABELS = np.arange(4, dtype="int32")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


COSINE = unit(EMBEDDINGS) @ unit(CENTERS).T
TARGET = COSINE[LABELS, LABELS]

# name: (margin arguments, penalised targets of rows 0 to 3, mean loss at 64)
ARCFACE_HEAD = [0.6809402521, 0.0235965853, 0.7777519763]
ARCFACE = {
    "raw": (ARCFACE_HEAD + [-0.8844669420], 42.9572403390),
    "linear": (ARCFACE_HEAD + [-1.2396068614], 48.6394790487),
    "easy": (ARCFACE_HEAD + [-0.9998940921], 44.8040747399),
    "reflect": (ARCFACE_HEAD + [-1.1155330580], 46.6542981934),
    "clamp": (ARCFACE_HEAD + [-0.99999], 44.8056092661),
}
COSFACE_TARGET = [0.5986832981, 0.15, 0.6338946999, -1.3498940921]
COSFACE_LOSS = 48.9383791651
NORM_SOFTMAX_LOSS = 37.1706366205

# The whole family: mean loss at the scale given.
FAMILY = {
    # name: (margin, its arguments, scale, mean loss)
    "sphereface": ("SphereFace", {"tail": "raw"}, 64.0, 34.2119105787),
    "sphereface_r": ("SphereFace", {"margin": 1.7}, 30.0, 34.4910658637),
    "cm1": ("Combined", {"tail": "raw"}, 64.0, 47.7533516973),
    "cm2": (
        "Combined",
        {"m1": 0.9, "m2": 0.4, "m3": 0.15, "tail": "raw"},
        64.0,
        46.5843973857,
    ),
    "curricularface": ("CurricularFace", {}, 64.0, 46.4160289645),
    "adaface_alpha_1": ("AdaFace", {"t_alpha": 1.0}, 64.0, 52.5379974875),
    "adaface": ("AdaFace", {}, 64.0, 51.7850301796),
    "magface_easy": ("MagFace", {"norm_weight": 0.0}, 64.0, 43.9952557694),
    "magface_linear": (
        "MagFace",
        {"norm_weight": 0.0, "tail": "linear"},
        64.0,
        49.8160693320,
    ),
    "adacos": ("AdaCos", {}, 64.0, 2.0149817094),
    "mv_am_easy": (
        "MVSoftmax",
        {"kind": "am", "tail": "easy"},
        32.0,
        30.3927628214,
    ),
    "mv_am": ("MVSoftmax", {"kind": "am"}, 32.0, 33.1927628214),
    "mv_arc_easy": (
        "MVSoftmax",
        {"kind": "arc", "tail": "easy"},
        32.0,
        28.5619189411,
    ),
    "mv_arc": (
        "MVSoftmax",
        {"kind": "arc", "tail": "raw"},
        32.0,
        27.6385017407,
    ),
    "circle": ("Circle", {}, 256.0, 389.8028462219),
    "li_arcface": ("LiArcFace", {}, 64.0, 45.5394042255),
    "a_softmax_5": ("ASoftmax", {"annealing": 5.0}, 1.0, 42.7524797937),
    "a_softmax_1364": (
        "ASoftmax",
        {"annealing": 1500 / 1.1},
        1.0,
        27.7615791880,
    ),
    "a_softmax_0": ("ASoftmax", {"annealing": 0.0}, 1.0, 118.2280879393),
    "a_softmax_port": (
        # The port's schedule at its first step.
        "ASoftmax",
        {"annealing": "pytorch"},
        1.0,
        27.7615791880,
    ),
}
# Penalised targets of rows 0 to 3.
TARGETS = {
    "sphereface": [0.9071381922, 0.1564344650, 0.9707130449, -0.4714081792],
    "cm1": [0.6128600765, 0.0217402383, 0.6871265549, -1.1595361669],
    "cm2": [0.6215161562, 0.0763400119, 0.6963277640, -1.1473554587],
    "adaface_alpha_1": [
        0.6137513426,
        0.1117376559,
        0.5517931815,
        -1.5487033226,
    ],
    "adaface": [0.5639265091, 0.1030987069, 0.5705735351, -1.4481845086],
    "magface_easy": [0.7166909476, 0.0735323489, 0.7604636369, -0.9998940921],
    "magface_linear": [0.7166909476, 0.0735323489, 0.7604636369, -1.3636949398],
    "li_arcface": [0.5086883377, 0.0468544358, 0.5991110642, -1.2772135200],
}
CURRICULARFACE_STEPS = [
    # t after the update, mean loss
    (0.0035817098, 46.4160289645),
    (0.0071276024, 46.5194709196),
]
ADAFACE_STATE = {
    # t_alpha: mean and deviation after a step
    1.0: (24.1710502586, 27.3437458881),
    0.01: (20.0417105026, 99.2734374589),
}
MAGFACE_MARGINS = [0.45, 0.45, 0.5270546742, 0.6232720577]
MAGFACE_PENALTY = 0.0643140957
ADACOS_SCALES = (1.9605162869, 2.3805103956)
ELASTIC_DRAWS = [0.45, 0.50, 0.55, 0.52]
ELASTIC_PLUS = [0.50, 0.52, 0.45, 0.55]
ELASTIC_LOSS, ELASTIC_PLUS_LOSS = 42.7952604925, 42.8863929800
SUB_CENTER_LABELS = np.array([0, 0, 1, 1], "int32")
SUB_CENTER_COSINE = [
    [0.948683298051, 0.632455532034],
    [0.5, 1.0],
    [0.499756038044, 0.983894699898],
    [0.504148281733, 0.008402471362],
]
SUB_CENTER_LOSS = 31.2523666484
INTRA_TERM, INTER_TERM = 0.3720805115, -0.4583333333
SPHEREFACE2_BIAS, SPHEREFACE2_LOSS = 14.3364722366, 40.4018523689
UNIFACE_LOSS, UNIFACE_CLAMPED_LOSS = 106.8149741103, 99.4386628853

# dL / d(target cosine) of ArcFace raw, mean over the batch, scale 64.
EXACT_GRADIENT = [-1.5926726446, -18.4700644106, -3.0965e-6, 512.9791460272]
STRAIGHT_THROUGH_GRADIENT = [-0.6877243055, -16.0, -8.8056e-7, -16.0]


def cross_entropy(logits, labels):
    logits = logits - logits.max(1, keepdims=True)
    rows = np.arange(len(labels))
    return np.log(np.exp(logits).sum(1)) - logits[rows, labels]


def gradient(function, *inputs):
    """Gradient of a scalar function of arrays, on whatever backend runs."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        numbers = tuple(range(len(inputs)))
        grads = jax.grad(function, argnums=numbers)(
            *map(jax.numpy.asarray, inputs)
        )
        return [np.asarray(g) for g in grads]
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return [
        tf.convert_to_tensor(g).numpy() for g in tape.gradient(value, tensors)
    ]
