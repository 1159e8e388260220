"""IJB-C's size, a million in the gallery, and MAP@R, on two cores.

Command:  python benchmarks/judge.py [--scale 0.01]
Data:     made-up embeddings of 512 dimensions
Hardware: two processor cores, 12 GiB; faiss-cpu for the comparison
Time:     about twenty minutes
Aims at:  IJB-C's 469,375 pictures, 23,124 templates and 15,658,489 pairs in
          60 s of computing and 4 GiB; 20,000 probes against a gallery of
          1,000,000 at no less than 0.8 times the speed of faiss's flat index,
          both measured in turns; MAP@R of 100,000 embeddings in 2 GiB
Writes:   benchmarks/results/judge.json, where the scale is 1

Each part is a process of its own. Its memory is the peak of that process, the
embeddings among it; making these up is not part of the seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "judge.json"
PARTS = ("ijbc", "search", "retrieval")
DIM = 512
SUBJECTS, PROBES, PICTURES = 3531, 19_593, 469_375
GENUINE, PAIRS = 19_557, 15_658_489
TURNS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--part", choices=PARTS, help="runs here; prints JSON")
    args = parser.parse_args()
    if args.part:
        print(json.dumps(globals()[args.part](args.scale)))
        return
    import machine

    from keras_arcface.utils.files import write_json

    rows = {}
    for part in args.only:
        rows[part] = in_own_process(part, args.scale)
        print(part, json.dumps(rows[part], indent=1), flush=True)
    if args.scale == 1.0 and set(rows) == set(PARTS):
        write_json(RESULTS, {"machine": machine.describe(), **rows})


def in_own_process(part, scale):
    command = [sys.executable, __file__, "--part", part, "--scale", str(scale)]
    # Without TensorFlow, which would be most of the memory of small parts.
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=environment
    )
    if done.returncode:
        raise SystemExit(f"{part} failed with code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


# === Parts ===


def ijbc(scale):
    """Pools pictures into templates, scores pairs, reads TAR at FAR."""
    from keras_arcface.evaluation import template_embeddings
    from keras_arcface.evaluation import template_similarity
    from keras_arcface.evaluation import template_verification

    rng = np.random.default_rng(0)
    subjects, probes, pictures, genuine, pairs = (
        max(20, int(scale * count))
        for count in (SUBJECTS, PROBES, PICTURES, GENUINE, PAIRS)
    )
    # Templates 0 .. subjects - 1 are enrolled, the others are probes.
    subject = np.append(np.arange(subjects), rng.integers(0, subjects, probes))
    template = np.append(
        np.arange(subject.size),
        rng.integers(0, subject.size, max(0, pictures - subject.size)),
    )
    media = rng.integers(0, 12, template.size)
    embeddings = around_centres(rng, subject[template], noise=8.0)
    quality = rng.uniform(0.5, 1.0, template.size).astype(np.float32)
    left, right = some_pairs(rng, subject, subjects, genuine, pairs)
    is_same = subject[left] == subject[right]
    made_up = peak()
    watch = Watch()
    templates = template_embeddings(
        embeddings, template, media, flip_summed=True, quality=quality
    )
    watch.lap("pooling")
    template_similarity(templates, left, right)
    watch.lap("scoring")
    curve = template_verification(templates, left, right, is_same)
    watch.lap("scoring_and_curve")
    computing = watch.laps["pooling"] + watch.laps["scoring_and_curve"]
    result = {
        "pictures": len(template),
        "templates": len(templates),
        "pairs": len(left),
        "flags": templates.flags,
        "seconds": watch.laps,
        "seconds_in_all": round(computing, 2),
        "gib_peak": gib(peak()),
        "gib_of_the_data": gib(made_up),
        "tar_at_far": {
            f"{p.target_fmr:g}": None if np.isnan(p.tar) else round(p.tar, 4)
            for p in curve.points
        },
    }
    for resamples in (2, 10):  # Few, to know what is spent once.
        template_verification(
            templates, left, right, is_same, bootstrap=resamples
        )
        watch.lap(f"with_{resamples}_resamples")
    few, many = (watch.laps.pop(f"with_{n}_resamples") for n in (2, 10))
    result["seconds_a_resample"] = round((many - few) / 8, 2)
    return result


def search(scale):
    """Top ten of a million, in turns with faiss's flat index."""
    from keras_arcface.evaluation import ExactIndex
    from keras_arcface.evaluation import FaissIndex

    rng = np.random.default_rng(0)
    gallery = normal(rng, int(1_000_000 * scale))
    probes = normal(rng, int(20_000 * scale))
    watch = Watch()
    exact = ExactIndex(gallery)
    watch.lap("exact_index")
    exact.search(probes[:64], 10)
    alone = peak()
    watch.lap("warming")
    flat = FaissIndex(gallery)
    watch.lap("faiss_index")
    flat.search(probes[:64], 10)
    seconds, same = {"exact": 0.0, "faiss": 0.0}, 0
    for turn, some in enumerate(np.array_split(probes, TURNS)):
        found = {}
        engines = [("exact", exact), ("faiss", flat)]
        for name, index in engines[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            found[name] = index.search(some, 10).indices
            seconds[name] += time.perf_counter() - start
        same += int((found["exact"] == found["faiss"]).sum())
    work = 2 * DIM * len(gallery) * len(probes)
    return {
        "gallery": len(gallery),
        "probes": len(probes),
        "k": 10,
        "seconds": {name: round(some, 2) for name, some in seconds.items()},
        "seconds_of_indexing": {
            "exact": watch.laps["exact_index"],
            "faiss": watch.laps["faiss_index"],
        },
        "gflops": {n: round(work / s / 1e9, 1) for n, s in seconds.items()},
        "speed_beside_faiss": round(seconds["faiss"] / seconds["exact"], 3),
        "share_of_equal_answers": round(same / (10 * len(probes)), 6),
        "gib_peak_without_faiss": gib(alone),
        "gib_peak": gib(peak()),
        "faiss": version("faiss-cpu"),
    }


def retrieval(scale):
    """MAP@R of classes from ten images to over a thousand."""
    from keras_arcface.evaluation import retrieval_report

    rng = np.random.default_rng(0)
    count = int(100_000 * scale)
    classes = max(2, count // 20)
    labels = (classes * rng.random(count) ** 2).astype(np.int64)
    embeddings = around_centres(rng, labels, noise=2.5)
    made_up = peak()
    watch = Watch()
    report = retrieval_report(embeddings, labels)
    watch.lap("all")
    return {
        "embeddings": count,
        "classes": report.classes,
        "lone_queries": report.lone_queries,
        "largest_r": report.k,
        "map_at_r": round(report.map_at_r, 4),
        "r_precision": round(report.r_precision, 4),
        "precision_at_1": round(report.precision_at_1, 4),
        "seconds": watch.laps["all"],
        "gib_peak": gib(peak()),
        "gib_of_the_data": gib(made_up),
    }


# === Data ===


def normal(rng, rows):
    return rng.standard_normal((rows, DIM), dtype=np.float32)


def around_centres(rng, labels, noise):
    """Returns float32 rows near the centre of their label, in one array."""
    centres = normal(rng, int(labels.max()) + 1)
    rows = np.empty((labels.size, DIM), np.float32)
    for start in range(0, labels.size, 16384):
        some = labels[start : start + 16384]
        rows[start : start + 16384] = centres[some]
        rows[start : start + 16384] += noise * normal(rng, some.size)
    return rows


def some_pairs(rng, subject, subjects, genuine, pairs):
    """Returns enrolled templates and probes, genuine ones first."""
    probe = np.arange(subjects, subject.size)
    some = rng.permutation(probe)[:genuine]
    strangers = rng.integers(subjects, subject.size, pairs - some.size)
    enrolled = rng.integers(0, subjects, strangers.size)
    mated = subject[strangers] == enrolled
    enrolled[mated] = (enrolled[mated] + 1) % subjects
    left = np.concatenate([subject[some], enrolled]).astype(np.int32)
    return left, np.concatenate([some, strangers]).astype(np.int32)


# === Measuring ===


class Watch:
    """Seconds from lap to lap."""

    def __init__(self):
        self.laps = {}
        self._last = time.perf_counter()

    def lap(self, name):
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now


def peak():
    """Returns the largest resident size of this process so far, in bytes."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    raise OSError("This benchmark reads the memory that Linux reports.")


def gib(size):
    return round(size / 2**30, 2)


if __name__ == "__main__":
    main()
