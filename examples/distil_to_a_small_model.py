"""A small network that learns to embed as a large one does; no labels needed.

Command:  python examples/distil_to_a_small_model.py FOLDER
Data:     any folder of aligned 112x112 faces, whoever they are; without it
          characters are drawn, so that it runs, not so that it is of use
Hardware: two processor cores
Time:     a few minutes for the characters
Expects:  on pictures that neither was trained on, a mean cosine of student and
          teacher that grows: with --characters 24 --pictures 8 from 0.17 to
          0.45; benchmarks/distill.py measures what faces make of it
Writes:   runs/small: a preset, which load_pretrained("runs/small") opens
"""

import argparse

import keras
import numpy as np

import keras_arcface as ka
from keras_arcface.pretrained import inherit
from keras_arcface.training import label_free

TEACHER = "mobilefacenet_ms1m_192"


def draw_pictures(characters, pictures):
    return ka.data.glyphs.load(
        "train",
        image_size=112,
        pictures_per_identity=pictures,
        identities=characters,
    )


def make_student(teacher):
    """Returns half a million parameters: the teacher's strongest channels."""
    student = ka.MobileFaceNet(
        teacher.embedding_dim,
        layout="slim",
        blocks=(1, 4, 6, 1),
        pixel_scaling=teacher.pixel_scaling,
        name="small",
    )
    inherit(student, teacher)
    return student


def likeness(student, teacher, data):
    """Returns the mean cosine of the two networks' embeddings."""
    images = data.images()
    ours, theirs = ka.embed(student, images), ka.embed(teacher, images)
    return float(np.mean(np.sum(ours * theirs, axis=1)))


def main(data, augment, output, epochs, batch_size=32):
    keras.utils.set_random_seed(0)
    teacher = ka.load_pretrained(TEACHER)
    student = make_student(teacher)
    training, held_out = data.split_identities(0.2)
    before = likeness(student, teacher, held_out)
    steps = training.steps(batch_size, drop_remainder=True)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * steps)
    model = label_free(student, teacher, keras.optimizers.Adam(rate))
    model.fit(
        training.batches(
            batch_size,
            epochs=epochs,
            augment=augment,
            drop_remainder=True,
            labels=False,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=2,
    )
    after = likeness(student, teacher, held_out)
    ka.save_pretrained(student, output)
    print(
        f"{student.count_params():,} parameters instead of "
        f"{teacher.count_params():,}. Mean cosine to the teacher on held-out "
        f"pictures: {before:.3f} before, {after:.3f} after.\n"
        f"Wrote {output}. Next: keras-arcface export {output} --format tflite"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--output", default="runs/small")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--characters", type=int, default=40, help="to draw")
    parser.add_argument("--pictures", type=int, default=12, help="of each")
    args = parser.parse_args()
    if args.folder is not None:
        data = ka.data.open_data(args.folder, (112, 112), resize=True)
        main(data, "face", args.output, args.epochs)
    else:
        data = draw_pictures(args.characters, args.pictures)
        main(data, "shift", args.output, args.epochs)
