"""An inspection as JSON and as some lines of text."""

import collections
from typing import Any

import numpy as np

from keras_arcface.data.inspection import PASSED_OVER
from keras_arcface.data.inspection import Inspection
from keras_arcface.utils.text import printable


def to_json(inspection: Inspection) -> dict[str, Any]:
    """Returns all that was found, every file named, ready for JSON.

    Names that are no text, or hold control characters, appear with escapes.
    """
    names, counts = inspection.class_names, inspection.counts
    readable = inspection.readable
    return {
        "root": printable(inspection.root),
        "pictures": len(inspection.pictures),
        "readable": len(readable),
        "bytes": sum(p.bytes for p in inspection.pictures),
        "identities": len(names),
        "counts": {
            printable(name): int(count)
            for name, count in zip(names, counts, strict=True)
        },
        "without_pictures": _names(names, counts == 0),
        "with_one_picture": _names(names, counts == 1),
        "formats": _tally(p.format for p in readable),
        "modes": _tally(p.mode for p in readable),
        "sizes": _tally(f"{p.size[0]}x{p.size[1]}" for p in readable),
        "unreadable": [
            {"path": printable(p.path), "error": p.error}
            for p in inspection.pictures
            if p.error
        ],
        "duplicates": [
            {
                "paths": [printable(p.path) for p in group],
                "identities": len({p.label for p in group}),
            }
            for group in inspection.duplicates()
        ],
        "near_duplicates_across_identities": [
            {
                "first": printable(first.path),
                "second": printable(second.path),
                "different_bits": bits,
            }
            for first, second, bits in inspection.near_duplicates
        ],
        "near_duplicates_left_out": inspection.near_duplicates_left_out,
        "passed_over": {
            reason: [printable(path) for path in paths]
            for reason, paths in inspection.passed_over.items()
        },
    }


def to_text(report: dict[str, Any], most: int = 5) -> str:
    """Returns the lines to print of what `to_json` gave."""
    counts = list(report["counts"].values()) or [0]
    lines = [
        f"{report['readable']:,} readable pictures of "
        f"{report['identities']:,} identities in {report['root']}, "
        f"{report['bytes'] / 1e6:,.1f} MB",
        f"pictures an identity: {min(counts)} to {max(counts)}, median "
        f"{np.median(counts):g}",
    ]
    for title in ("formats", "modes", "sizes"):
        lines.append(f"{title}: {_shares(report[title])}")
    lists = {
        "unreadable pictures": [
            f"{entry['path']}: {entry['error']}"
            for entry in report["unreadable"]
        ],
        "identities without a readable picture": report["without_pictures"],
        "identities with one picture": report["with_one_picture"],
        "groups of files that are the same": [
            f"{' = '.join(group['paths'][:4])}"
            + (" (TWO IDENTITIES)" if group["identities"] > 1 else "")
            for group in report["duplicates"]
        ],
        "near-duplicates across identities": [
            f"{pair['first']} ~ {pair['second']}"
            for pair in report["near_duplicates_across_identities"]
        ],
    }
    for reason, text in PASSED_OVER.items():
        lists[f"passed over, {text}"] = report["passed_over"][reason]
    for title, names in lists.items():
        if names:
            lines += _some(title, names, most)
    if report["near_duplicates_left_out"]:
        lines.append(
            f"{report['near_duplicates_left_out']:,} more near-duplicates "
            "across identities, less close, are not listed"
        )
    return "\n".join(lines)


def close_to_text(close: list[dict[str, Any]], most: int = 5) -> str:
    """Returns the lines to print of pairs whose embeddings are close."""
    names = [
        f"{pair['first']} ~ {pair['second']} ({pair['cosine']:.3f})"
        for pair in close
    ]
    title = "pairs of two identities with close embeddings"
    if not names:
        return f"no {title}"
    return "\n".join(_some(title, names, most))


def _some(title, names, most):
    lines = [f"{len(names):,} {title}:"]
    lines += [f"    {name}" for name in names[:most]]
    if len(names) > most:
        lines.append(f"    and {len(names) - most:,} more (--output lists all)")
    return lines


def _names(names, mask):
    return [printable(names[index]) for index in np.flatnonzero(mask)]


def _tally(values):
    return dict(collections.Counter(values).most_common())


def _shares(tally, most=6):
    some = [f"{name} {count:,}" for name, count in list(tally.items())[:most]]
    rest = len(tally) - most
    return ", ".join(some) + (f", and {rest:,} more" if rest > 0 else "")
