"""A student of half a million parameters that learns from the preset alone.

Command:  python benchmarks/distill.py FACES [--student FOLDER]
Data:     FACES/train (one folder an identity; the names are not used),
          FACES/val, FACES/val_pairs.csv: aligned 112x112 crops of LFW, train
          and val identities disjoint
Hardware: two processor cores
Time:     about half an hour; a minute for a student that is there already
Expects:  a student within two points of its teacher, at 37% of the size
Writes:   benchmarks/results/distill.json, and the student as a preset

The student is the slim MobileFaceNet. It starts from the teacher's strongest
channels (`inherit`) and follows the teacher's embeddings of the pictures of
FACES/train, augmented anew every epoch. No label is read, and nothing is
chosen by the pairs that it is judged by.
"""

import argparse
import time
from pathlib import Path

import keras
import machine

from keras_arcface import MobileFaceNet
from keras_arcface import load_pretrained
from keras_arcface import save_pretrained
from keras_arcface.cli.sources import pairs_from_file
from keras_arcface.data import open_data
from keras_arcface.pretrained import inherit
from keras_arcface.training import label_free
from keras_arcface.training import verify
from keras_arcface.training import warmup_cosine
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "distill.json"
TEACHER = "mobilefacenet_ms1m_192"
STUDENT = "mobilefacenet_slim_192"
BATCH, RATE, WARMUP = 64, 1e-3, 0.1
BLOCKS = (1, 4, 6, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--student", help="a preset: judge it, do not train")
    parser.add_argument("--output", type=Path, default=Path("runs") / STUDENT)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    teacher = load_pretrained(TEACHER)
    result = {"machine": machine.describe(), "training": None}
    if args.student is None:
        student, result["training"] = distil(
            teacher, open_data(args.faces / "train"), args.epochs
        )
        save_pretrained(student, args.output, facts(result["training"]))
    else:
        student = load_pretrained(args.student)
    print(result, flush=True)
    result |= compare(teacher, student, args.faces)
    write_json(RESULTS, result)
    print(result)


def make_student(teacher):
    """Returns the slim network, with the teacher's strongest channels."""
    student = MobileFaceNet(
        teacher.embedding_dim,
        layout="slim",
        blocks=BLOCKS,
        pixel_scaling=teacher.pixel_scaling,
        name=STUDENT,
    )
    inherit(student, teacher)
    return student


def distil(teacher, data, epochs):
    """Returns the trained student and what happened."""
    keras.utils.set_random_seed(0)
    student = make_student(teacher)
    steps = data.steps(BATCH, drop_remainder=True)
    rate = warmup_cosine(RATE, epochs * steps, WARMUP)
    model = label_free(student, teacher, keras.optimizers.Adam(rate))
    batches = data.in_memory().batches(
        BATCH, epochs=epochs, augment="face", drop_remainder=True, labels=False
    )
    start = time.monotonic()
    history = model.fit(
        batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=2
    ).history
    return student, {
        "pictures": len(data),
        "epochs": epochs,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "augment": "face",
        "mean_cosine_by_epoch": [
            round(-value, 4) for value in history["distillation_loss"]
        ],
        "seconds": round(time.monotonic() - start),
    }


def facts(training):
    return {"distillation": {"teacher": TEACHER, **training}}


if __name__ == "__main__":
    main()
