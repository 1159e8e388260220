"""Pictures a second from a folder, TFRecords and RecordIO, with `flip` on.

Command:  python benchmarks/pipeline.py [--data FOLDER]
Data:     8,192 drawn JPEGs of 112x112, or those of a folder of identities
Hardware: two processor cores, 24 GiB
Time:     about five minutes
Aims at:  1.5 times a PyTorch DataLoader with Pillow and the same transforms
          (`pip install torch==2.13.0`; left out where it is missing), and 0.7
          of the limit: tf.io.decode_jpeg of the same bytes in memory, on as
          many threads, and nothing else
Seen:     folder, TFRecord, RecordIO: 2.4, 1.6 and 1.8 times the DataLoader,
          1.19, 0.99 and 0.87 of the limit (2026-11-24, two cores of an AMD
          EPYC, --pictures 4096 --rounds 3)
Writes:   benchmarks/results/pipeline.json

Every row takes its turn in every round, one at a time; a ratio is the median of
the rounds' ratios. The second table opens an index of a million pictures, each
kind in a process of its own: seconds to the description, seconds more to the
first batch, and the peak of memory less what it was after the imports.
"""

import argparse
import io
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import machine
import numpy as np

BATCH, SIDE, CORES = 128, 112, os.cpu_count()
READERS = ("folder", "tfrecord", "recordio")
INDICES = ("csv", "tfrecord", "recordio", "recordio unchecked")
RESULTS = Path(__file__).parent / "results" / "pipeline.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of identities")
    parser.add_argument("--pictures", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--index", type=int, default=10**6)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--open", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(*args.serve)
    if args.open:
        return print(json.dumps(open_index(*args.open)))
    with tempfile.TemporaryDirectory() as room:
        data = describe(args, Path(room))
        speed = measure_speed(room, args.rounds)
    with tempfile.TemporaryDirectory() as room:
        write_indices(Path(room), args.index)
        start = [in_own_process(kind, room) for kind in INDICES]
    from keras_arcface.utils.files import write_json

    result = {"data": data, "speed": speed, "index": args.index, "start": start}
    write_json(RESULTS, {"machine": machine.describe(), **result})


# === Speed ===


def describe(args, room):
    """Writes the pictures in every format; returns what they are."""
    from keras_arcface.data import from_directory
    from keras_arcface.data import pack

    folder = args.data or draw_folder(room / "folder", args.pictures)
    (room / "where").write_text(str(folder))
    data = from_directory(folder, (SIDE, SIDE))
    pack(data, room / "tfrecord")
    contents = [data.samples.read(index) for index in range(len(data))]
    write_recordio(room / "recordio", contents, data.labels)
    size = sum(map(len, contents)) / len(contents)
    return {"pictures": len(data), "bytes_a_picture": round(size)}


def draw_folder(folder, pictures):
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(pictures):
        path = folder / f"{number // 16:05d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
        image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.BICUBIC)
        noise = rng.normal(0, 6, (SIDE, SIDE, 3))
        pixels = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=95)
    return folder


def write_recordio(folder, contents, labels):
    """Writes im2rec's style; no content here holds the magic."""
    folder.mkdir()
    offset, lines = 0, []
    with open(folder / "train.rec", "wb") as file:
        for key, (content, label) in enumerate(
            zip(contents, labels, strict=True)
        ):
            lines.append(f"{key}\t{offset}\n")
            offset += file.write(record(content, label))
    (folder / "train.idx").write_text("".join(lines))


def record(content, label, several=()):
    flag = len(several)
    head = struct.pack("<IfQQ", flag, label, 0, 0)
    head += np.asarray(several, "<f4").tobytes()
    size = len(head) + len(content)
    frame = struct.pack("<II", 0xCED7230A, size) + head + content
    return frame + bytes(-size % 4)


def measure_speed(room, rounds):
    """Returns pictures a second of every row, and the ratios."""
    kinds = [*READERS, "limit", "dataloader"]
    servers = {
        "ours": start_server("ours", room),
        "dataloader": start_server("dataloader", room),
    }
    rates = {kind: [] for kind in kinds}
    for number in range(rounds + 1):
        for kind in kinds:
            server = servers.get(kind, servers["ours"])
            server.stdin.write(kind + "\n")
            server.stdin.flush()
            rate = json.loads(server.stdout.readline() or "null")
            if number and rate:  # The first round warms up.
                rates[kind].append(rate)
    for server in servers.values():
        server.stdin.close()
        server.wait()
    return [row(kind, rates) for kind in kinds if rates[kind]]


def row(kind, rates):
    found = {"kind": kind, "per_second": round(statistics.median(rates[kind]))}
    for peer in ("limit", "dataloader"):
        pairs = zip(rates[kind], rates[peer], strict=False)
        ratios = [ours / theirs for ours, theirs in pairs]
        if ratios and kind in READERS:
            found[f"of_{peer}"] = round(statistics.median(ratios), 3)
    print("  ".join(f"{name} {value}" for name, value in found.items()))
    return found


def start_server(side, room):
    return subprocess.Popen(
        [sys.executable, __file__, "--serve", side, str(room)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def serve(side, room):
    """Answers each kind on stdin with pictures a second of one pass."""
    make = our_passes if side == "ours" else loader_passes
    passes = make(Path(room))
    for line in sys.stdin:
        start = time.perf_counter()
        count = passes[line.strip()]()
        print(count / (time.perf_counter() - start), flush=True)


def our_passes(room):
    import tensorflow as tf

    from keras_arcface.data import open_data

    size = (SIDE, SIDE)
    paths = {"folder": (room / "where").read_text()}
    data = {
        kind: open_data(paths.get(kind, room / kind), size) for kind in READERS
    }
    samples = data["folder"].samples
    contents = [samples.read(index) for index in range(len(samples))]
    decoded = tf.data.Dataset.from_tensor_slices(contents).map(
        lambda content: tf.io.decode_jpeg(content, channels=3),
        num_parallel_calls=CORES,
        deterministic=False,
    )

    batches = {
        kind: one.batches(BATCH, augment="flip") for kind, one in data.items()
    }

    def one_pass(kind):
        return sum(len(labels) for _, labels in batches[kind])

    def limit():
        return int(decoded.reduce(np.int64(0), lambda count, _: count + 1))

    return {
        **{kind: lambda kind=kind: one_pass(kind) for kind in READERS},
        "limit": limit,
    }


def loader_passes(room):
    import torch
    from PIL import Image

    root = Path((room / "where").read_text())
    paths = sorted(path for path in root.glob("*/*") if path.is_file())

    class Faces(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, index):
            with Image.open(paths[index]) as picture:
                image = picture.convert("RGB")
            if torch.rand(()) < 0.5:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
            return pixels.to(torch.float32), index

    loader = torch.utils.data.DataLoader(
        Faces(),
        BATCH,
        shuffle=True,
        num_workers=CORES,
        persistent_workers=True,
    )
    return {"dataloader": lambda: sum(len(index) for _, index in loader)}


# === Start ===


def write_indices(room, count):
    """Writes lists of that many tiny pictures, ten an identity."""
    import tensorflow as tf
    from PIL import Image

    from keras_arcface.data.pack_index import FORMAT
    from keras_arcface.utils.files import sha256
    from keras_arcface.utils.files import write_json

    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    png = file.getvalue()
    (room / "one.png").write_bytes(png)
    with open(room / "list.csv", "w") as file:
        file.write("path,identity\n")
        for n in range(count):
            file.write(f"faces/person_{n // 10:06d}/{n:07d}.jpg,{n // 10}\n")

    offset, lines, identities = 0, [], count // 10
    (room / "recordio").mkdir()
    with open(room / "recordio" / "train.rec", "wb") as file:
        for key in range(1 + count + identities):
            number = key - 1 - count
            if key == 0:
                content = record(b"", 0, [1 + count, 1 + count + identities])
            elif number < 0:
                content = record(png, (key - 1) // 10)
            else:
                content = record(b"", 0, [1 + 10 * number, 11 + 10 * number])
            lines.append(f"{key}\t{offset}\n")
            offset += file.write(content)
    (room / "recordio" / "train.idx").write_text("".join(lines))

    pack = room / "tfrecord"
    pack.mkdir()
    labels, offset, offsets = np.arange(count) // 10, 0, []
    crc = zlib.crc32(png)
    with tf.io.TFRecordWriter(str(pack / "shard.tfrecord")) as writer:
        for label in labels.tolist():
            example = tf.train.Example()
            feature = example.features.feature
            feature["image/encoded"].bytes_list.value.append(png)
            feature["image/class/label"].int64_list.value.append(label)
            content = example.SerializeToString()
            writer.write(content)
            offsets.append(offset + 12 + content.index(png))
            offset += 16 + len(content)
    np.save(
        pack / "places.npy",
        np.stack([offsets, labels * 0 + len(png), labels * 0 + crc, labels]),
    )
    shard = {"file": "shard.tfrecord", "pictures": count, "bytes": offset}
    index = {
        "format": FORMAT,
        "image_size": [4, 4],
        "shards": [shard],
        "places.npy": sha256(pack / "places.npy"),
        "class_names": [str(n) for n in range(identities)],
    }
    write_json(pack / "index.json", index)


def in_own_process(kind, room):
    done = subprocess.run(
        [sys.executable, __file__, "--open", kind, str(room)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    print("  ".join(f"{name} {value}" for name, value in found.items()))
    return found


def open_index(kind, room):
    from keras_arcface.data import ImageData
    from keras_arcface.data import from_csv
    from keras_arcface.data import from_recordio
    from keras_arcface.data import from_tfrecord

    warm = ImageData(np.zeros((2, 4, 4, 3), np.uint8), [0, 1], ["a", "b"])
    list(warm.batches(2))  # What TensorFlow itself takes at its first batch.
    readers = {
        "csv": lambda: from_csv(
            f"{room}/list.csv", image_size=(4, 4), check=False
        ),
        "tfrecord": lambda: from_tfrecord(f"{room}/tfrecord"),
        "recordio": lambda: from_recordio(f"{room}/recordio", (4, 4)),
        "recordio unchecked": lambda: from_recordio(
            f"{room}/recordio", (4, 4), check=False
        ),
    }
    Path("/proc/self/clear_refs").write_text("5")  # Forgets the peak.
    before, start = memory("VmRSS"), time.perf_counter()
    data = readers[kind]()
    opened = time.perf_counter()
    found = {"kind": kind, "pictures": len(data)}
    found["seconds"] = round(opened - start, 2)
    if kind != "csv":  # Its pictures are not there.
        next(iter(data.batches(128)))
        first = time.perf_counter() - opened
        found["to_first_batch"] = round(first, 2)
    found["peak_mib"] = round(memory("VmHWM") - before)
    found["kept_mib"] = round(memory("VmRSS") - before)
    return found


def memory(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


if __name__ == "__main__":
    main()
