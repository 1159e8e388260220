"""All margins of the family, for tests that hold for every one."""

import numpy as np

from keras_arcface import margins

CLASSES = 6
MAKERS = {
    "arcface": lambda: margins.ArcFace(),
    "arcface_raw": lambda: margins.ArcFace(tail="raw"),
    "arcface_linear": lambda: margins.ArcFace(tail="linear"),
    "arcface_easy": lambda: margins.ArcFace(tail="easy"),
    "arcface_clamp": lambda: margins.ArcFace(tail="clamp"),
    "arcface_straight": lambda: margins.ArcFace(gradient="straight_through"),
    "cosface": lambda: margins.CosFace(),
    "none": lambda: margins.NoMargin(),
    "filtered": lambda: margins.ArcFace(filter_above=0.3),
    "sphereface": lambda: margins.SphereFace(),
    "sphereface_r": lambda: margins.SphereFace(
        1.7, gradient="straight_through"
    ),
    "combined": lambda: margins.Combined(),
    "combined_raw": lambda: margins.Combined(0.9, 0.4, 0.15, tail="raw"),
    "a_softmax": lambda: margins.ASoftmax(),
    "a_softmax_bare": lambda: margins.ASoftmax(annealing=0.0),
    "li_arcface": lambda: margins.LiArcFace(),
    "adacos": lambda: margins.AdaCos(),
    "adacos_fixed": lambda: margins.AdaCos(dynamic=False),
    "curricularface": lambda: margins.CurricularFace(),
    "mv_arc": lambda: margins.MVSoftmax("arc"),
    "mv_am": lambda: margins.MVSoftmax("am"),
    "adaface": lambda: margins.AdaFace(),
    "magface": lambda: margins.MagFace(),
    "elastic_arc": lambda: margins.ElasticFace("arc", seed=1),
    "elastic_cos": lambda: margins.ElasticFace("cos", seed=1),
    "elastic_plus": lambda: margins.ElasticFace("arc", plus="paper", seed=1),
    "per_class": lambda: margins.PerClass(np.linspace(0.1, 0.6, CLASSES)),
    "per_class_cos": lambda: margins.PerClass(
        np.linspace(0.1, 0.4, CLASSES), "cos"
    ),
    "circle": lambda: margins.Circle(),
}
# One of each class, and of what its options change beyond the value: for tests
# that train, save or compile.
KINDS = [
    "arcface", "cosface", "none", "filtered", "sphereface", "combined",
    "a_softmax", "li_arcface", "adacos", "adacos_fixed", "curricularface",
    "mv_am", "adaface", "magface", "elastic_plus", "per_class", "circle",
]  # fmt: skip
# Losses on logits take these; the others need features and labels.
STATELESS = [
    name
    for name, make in MAKERS.items()
    if not make().keeps_state and "norm" not in make().reads
]
# At strength 0 these are the norm-softmax.
VANISHING = [
    name
    for name in MAKERS
    if name
    not in ("filtered", "li_arcface", "circle", "a_softmax", "a_softmax_bare")
    and not name.startswith("ada")
]
# The target never rises with the angle, whatever it is.
MONOTONE = [
    "arcface", "arcface_linear", "arcface_clamp", "cosface", "none",
    "filtered", "sphereface", "combined", "a_softmax", "li_arcface",
    "adacos", "curricularface", "mv_arc", "mv_am", "per_class", "circle",
]  # fmt: skip
