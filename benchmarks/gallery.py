"""A gallery of LFW people with the shipped preset, and one of a million.

Command:  python benchmarks/gallery.py FACES
Data:     FACES/train and FACES/val, aligned 112x112 crops of other people, one
          folder an identity (LFW); a million made-up embeddings of 512
          dimensions
Hardware: two processor cores, 8 GiB, 5 GB of disk
Time:     about fifteen minutes
Expects:  rank-1 above 97%; FPIR on new strangers near the one calibrated for
Writes:   benchmarks/results/gallery.json

People of FACES/train with two pictures or more are enrolled with the first half
of theirs; the others are searched for. Strangers are the people of FACES/val:
one half calibrates, the other half checks.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_arcface.evaluation import identification_report
from keras_arcface.evaluation import wilson_interval
from keras_arcface.gallery import Gallery

RESULTS = Path(__file__).parent / "results" / "gallery.json"
PRESET = "mobilefacenet_ms1m_192"
FPIRS = (0.1, 0.01)
IDENTITIES, DIM, PROBES, BATCH = 1_000_000, 512, 1000, 50_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, nargs="?")
    parser.add_argument("--identities", type=int, default=IDENTITIES)
    parser.add_argument("--large", action="store_true", help="runs here")
    args = parser.parse_args()
    if args.large:
        print(json.dumps(large(args.identities)))
        return
    if args.faces is None:
        parser.error("the folder of faces is missing")
    import machine

    from keras_arcface.utils.files import write_json

    rows = {"machine": machine.describe(), "faces": faces(args.faces)}
    print(json.dumps(rows["faces"], indent=1), flush=True)
    rows["large"] = in_own_process(args.identities)
    print(json.dumps(rows["large"], indent=1))
    write_json(RESULTS, rows)


def faces(folder):
    known, strangers = (embedded(folder / part) for part in ("train", "val"))
    enrolled, probes = halves_of_each(known[1])
    gallery = Gallery()
    gallery.enroll_many(names(known[1][enrolled]), known[0][enrolled])
    calibrating, checking = halves_of_people(strangers[1])
    return {
        "enrolled": {
            "identities": len(gallery),
            "pictures": int(enrolled.sum()),
        },
        "open_set": report(
            gallery, known[0][probes], known[1][probes], strangers
        ),
        "calibrated": [
            check(
                gallery,
                strangers[0][calibrating],
                known[0][probes],
                names(known[1][probes]),
                strangers[0][checking],
                fpir,
            )
            for fpir in FPIRS
        ],
    }


def embedded(folder):
    from keras_arcface import load_pretrained
    from keras_arcface.data import open_data
    from keras_arcface.training.verification import embed_data

    data = open_data(folder, (112, 112))
    network = load_pretrained(PRESET)
    return embed_data(network, data, verbose=True), data.labels


def names(labels):
    return [str(label) for label in labels]


def halves_of_each(labels):
    """Returns masks: pictures to enroll, and others of the same people."""
    order = np.argsort(labels, kind="stable")
    place = np.empty(labels.size, int)
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    place[order] = np.arange(labels.size) - starts[labels[order]]
    count = counts[labels]
    enrolled = (place < (count + 1) // 2) & (count > 1)
    return enrolled, (count > 1) & ~enrolled


def halves_of_people(labels):
    first = labels % 2 == 0
    return first, ~first


def report(gallery, probes, labels, strangers):
    """Returns rank-1 and FNIR at FPIR by evaluation's own protocol."""
    found = identification_report(
        np.concatenate([probes, strangers[0]]),
        np.concatenate([labels, strangers[1] + labels.max() + 1]),
        np.stack([gallery.template(name) for name in gallery]),
        np.array([int(name) for name in gallery]),
        fpir_targets=FPIRS,
    )
    print(found.summary(), flush=True)
    return {
        "mated_searches": found.mated_searches,
        "nonmated_searches": found.nonmated_searches,
        "rank_1": found.rank_k(1),
        "rank_1_interval": found.cmc_intervals[0],
        "points": [
            {
                "target_fpir": point.target_fpir,
                "fnir": point.fnir,
                "interval": point.interval,
                "threshold": point.thresholds[0],
                "reliable": point.reliable,
            }
            for point in found.open_set
        ],
    }


def check(gallery, calibrating, probes, whose, checking, fpir):
    """Calibrates on some strangers and counts what others meet."""
    calibration = gallery.calibrate(calibrating, fpir=fpir)
    let_in = [
        each.name is not None for each in gallery.identify(checking, fpir=fpir)
    ]
    missed = [
        each.name != name
        for each, name in zip(
            gallery.identify(probes, fpir=fpir), whose, strict=True
        )
    ]
    return {
        "calibration": dataclasses.asdict(calibration),
        "checked_fpir": float(np.mean(let_in)),
        "checked_fpir_interval": wilson_interval(sum(let_in), len(let_in)),
        "checked_searches": len(let_in),
        "fnir": float(np.mean(missed)),
        "mated_searches": len(missed),
    }


def in_own_process(identities):
    command = [sys.executable, __file__, "--large"]
    command += ["--identities", str(identities)]
    # Without TensorFlow, whose memory would be counted.
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def large(identities):
    import machine

    rng = np.random.default_rng(0)
    gallery, seconds = Gallery(DIM, model="made up"), {}
    machine.forget_peak()
    before = machine.memory()
    enrolling = 0.0
    for first in range(0, identities, BATCH):
        count = min(BATCH, identities - first)
        some = rng.standard_normal((count, DIM), np.float32)
        start = time.perf_counter()
        gallery.enroll_many([f"{first + i}" for i in range(count)], some)
        enrolling += time.perf_counter() - start
    seconds["enroll"] = enrolling
    probes = rng.standard_normal((PROBES, DIM), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.gallery"
        timed(seconds, "save", lambda: gallery.save(path))
        size, gallery = path.stat().st_size, None
        gallery = timed(seconds, "load", lambda: Gallery.load(path))
    timed(
        seconds,
        "first_search",
        lambda: gallery.identify(probes[:1], threshold=0.3),
    )
    timed(seconds, "identify", lambda: gallery.identify(probes, threshold=0.3))
    timed(seconds, "enroll_one", lambda: gallery.enroll("x", probes[0]))
    timed(seconds, "search_again", lambda: gallery.search(probes[:1]).scores)
    timed(seconds, "remove_one", lambda: gallery.remove("5"))
    return {
        "identities": identities,
        "dim": DIM,
        "probes": PROBES,
        "file_bytes": size,
        "templates_bytes": identities * DIM * 4,
        "peak_bytes": machine.memory("VmHWM") - before,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def timed(seconds, name, act):
    start = time.perf_counter()
    value = act()
    seconds[name] = time.perf_counter() - start
    return value


if __name__ == "__main__":
    main()
