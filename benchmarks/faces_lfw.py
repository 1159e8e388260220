"""Faces from detection alone, beside crops that others made.

Command:  python benchmarks/faces_lfw.py SHARED
Data:     SHARED/data/lfw_raw, 240 photographs with landmarks, and the crops of
          the same names in SHARED/data/lfw112/val
Hardware: two processor cores
Time:     about two minutes
Expects:  at least 236 of 240 with a cosine above 0.95 to the given crop;
          with the given landmarks a mean grey difference below 2
Writes:   benchmarks/results/faces_lfw.json
"""

import argparse
import csv
import time
from pathlib import Path

import machine
import numpy as np

from keras_arcface import embed
from keras_arcface import faces
from keras_arcface import load_pretrained
from keras_arcface.data import read_image
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "faces_lfw.json"
PRESET = "mobilefacenet_ms1m_192"
LEAST_COSINE = 0.95


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path, help="the folder of shared data")
    data = parser.parse_args().shared / "data"
    with open(data / "lfw_raw" / "landmarks.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = [row[0] for row in rows]
    given = np.stack([read_image(crop_path(data, name)) for name in names])
    landmarks = np.array([row[1:] for row in rows], float).reshape(-1, 5, 2)
    result = {
        "machine": machine.describe(),
        "alignment": alignment(data, names, landmarks, given),
        "detection": detection(data, names, given),
    }
    write_json(RESULTS, result)
    print(result)


def crop_path(data, name):
    return data / "lfw112" / "val" / name.rsplit("_", 1)[0] / name


def alignment(data, names, landmarks, given):
    differences = []
    for name, points, crop in zip(names, landmarks, given, strict=True):
        ours = faces.align(read_image(data / "lfw_raw" / name), points)
        differences.append(np.abs(ours - crop.astype(float)).mean())
    return {
        "mean_grey_difference": round(float(np.mean(differences)), 3),
        "share_under_4": round(float(np.mean(np.array(differences) < 4)), 4),
    }


def detection(data, names, given):
    crops, missing, several = [], [], []
    start = time.monotonic()
    for name in progress(names, "Detecting"):
        try:
            crop = faces.crop_face(data / "lfw_raw" / name)
        except faces.NoFaceError:
            missing.append(name)
            crops.append(np.zeros((112, 112, 3), np.uint8))
            continue
        if crop.found > 1:
            several.append(name)
        crops.append(crop.image)
    seconds = time.monotonic() - start
    backbone = load_pretrained(PRESET)
    ours, theirs = embed(backbone, np.stack(crops)), embed(backbone, given)
    cosine = (ours * theirs).sum(axis=1)
    cosine[[name in missing for name in names]] = -1
    return {
        "pictures": len(names),
        "above_0.95": int((cosine > LEAST_COSINE).sum()),
        "others": {
            name: round(float(value), 4)
            for name, value in zip(names, cosine, strict=True)
            if value <= LEAST_COSINE
        },
        "mean_cosine": round(float(cosine.mean()), 4),
        "no_face": missing,
        "several_faces": several,
        "seconds_a_picture": round(seconds / len(names), 3),
    }


if __name__ == "__main__":
    main()
