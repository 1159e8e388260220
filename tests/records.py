"""RecordIO files as MXNet writes them, from the description of the format."""

import io
import struct

import drawing
import numpy as np
from PIL import Image

MAGIC = struct.pack("<I", 0xCED7230A)


def jpeg(identity, number, side=32):
    file = io.BytesIO()
    pixels = drawing.picture(identity, number, side)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def payload(content, label, number=0):
    """Header, labels and picture; `label` a number or several."""
    if np.ndim(label) == 0:
        return struct.pack("<IfQQ", 0, label, number, 0) + content
    head = struct.pack("<IfQQ", len(label), 0.0, number, 0)
    return head + np.asarray(label, "<f4").tobytes() + content


def record(data):
    """Frames a payload; cuts it where it holds the magic, 4-aligned."""
    cuts = [i for i in range(0, len(data) - 3, 4) if data[i : i + 4] == MAGIC]
    starts = [0, *[cut + 4 for cut in cuts]]
    parts = [data[s:e] for s, e in zip(starts, [*cuts, len(data)], strict=True)]
    flags = [1, *[2] * (len(parts) - 2), 3] if cuts else [0]
    return b"".join(
        MAGIC
        + struct.pack("<I", flag << 29 | len(part))
        + part
        + bytes(-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


def write(folder, payloads, keys=None, index=True, name="train"):
    """Writes NAME.rec and NAME.idx; returns the path of the .rec file."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = range(len(payloads)) if keys is None else keys
    content, lines = b"", []
    for key, data in zip(keys, payloads, strict=True):
        lines.append(f"{key}\t{len(content)}\n")
        content += record(data)
    path = folder / f"{name}.rec"
    path.write_bytes(content)
    if index:
        path.with_suffix(".idx").write_text("".join(lines))
    return path


def insightface(folder, counts=(3, 1, 4), arrays=False, **options):
    """A meta record, pictures, one record an identity; returns the path."""
    pictures = [
        jpeg(identity, number)
        for identity, count in enumerate(counts)
        for number in range(count)
    ]
    labels = np.repeat(np.arange(len(counts)), counts)
    end = 1 + len(pictures)
    ranges = np.cumsum([1, *counts])
    payloads = [payload(b"", [end, end + len(counts)])]
    payloads += [
        payload(p, [label, 7.5] if arrays else label, n + 1)
        for n, (p, label) in enumerate(zip(pictures, labels, strict=True))
    ]
    payloads += [
        payload(b"", [a, b], end + n)
        for n, (a, b) in enumerate(zip(ranges[:-1], ranges[1:], strict=True))
    ]
    return write(folder, payloads, **options), pictures
