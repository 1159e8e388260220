"""The numbers of the toys as text for a terminal."""

from collections.abc import Mapping
from typing import Any

_WIDTH = 22
_ROWS = (
    ("training pictures", "training", None, None),
    ("  gap, mean", "training", "gap_mean", "degrees"),
    ("  gap, smallest", "training", "gap_smallest", "degrees"),
    ("  same, every picture", "training", "raw_smallest", "degrees"),
    ("  accuracy", "training", "accuracy", "percent"),
    ("held-out pictures", "held_out", None, None),
    ("  gap, mean", "held_out", "gap_mean", "degrees"),
    ("  gap, smallest", "held_out", "gap_smallest", "degrees"),
    ("  same, every picture", "held_out", "raw_smallest", "degrees"),
    ("  accuracy", "held_out", "accuracy", "percent"),
    ("two classes never seen", "unseen", None, None),
    ("  gap between them", "unseen", "gap", "degrees"),
    ("  AUC of their pairs", "unseen", "auc", "percent"),
    ("  inside a trained one", "unseen", "inside", "percent"),
)


def to_text(found: Mapping[str, Any]) -> str:
    """Returns the table of what `toy` found, one block a toy."""
    blocks = [_block(each, found["seeds"]) for each in found["toys"]]
    return "\n\n".join([*blocks, _footnote(found)])


def _block(each, seeds):
    losses = each["losses"]
    plural = "seed" if seeds == 1 else "seeds"
    title = f"{each['data']}, {each['dim']}-D, {seeds} {plural}"
    lines = [_line(title, losses)]
    for label, part, name, unit in _ROWS:
        values = (
            [_cell(loss[part][name], unit) for loss in losses.values()]
            if name
            else []
        )
        lines.append(_line(label, values))
    for other, parts in each["arcface_minus"].items():
        lines.append(f"ArcFace's mean gap minus that of {other}:")
        for part, what in (("training", "training"), ("held_out", "held-out")):
            lines.append(f"  {what}: {_verdict(parts[part])}")
    return "\n".join(lines)


def _line(label, cells):
    return (f"{label:23}" + "".join(f"{c:>{_WIDTH}}" for c in cells)).rstrip()


def _cell(value, unit):
    factor = 100 if unit == "percent" else 1
    sign = "%" if unit == "percent" else "°"
    text = f"{_short(factor * value['mean'])}{sign}"
    if value["interval"] is None:
        return text
    low, high = (factor * bound for bound in value["interval"])
    if unit == "percent":  # Student's interval knows no bounds.
        low, high = max(0.0, low), min(100.0, high)
    return f"{text} [{_short(low)}, {_short(high)}]"


def _short(number):
    return f"{number:.1f}" if abs(number) < 99.95 else f"{number:.0f}"


def _verdict(difference):
    text = f"{difference['mean']:+.1f}°"
    if difference["interval"] is None:
        return f"{text} (one seed: no interval)"
    low, high = difference["interval"]
    text += f" [{low:+.1f}, {high:+.1f}]"
    return text if low > 0 or high < 0 else f"{text}, cannot be told apart"


def _footnote(found):
    settings = found["settings"]
    return (
        "A gap is the angle between two neighbouring classes less how far each "
        "reaches\ntowards the other, the farthest 5% of its pictures left out; "
        "below zero they\noverlap. Mean: over the classes, to the nearest "
        "neighbour. In brackets: 95%\nt-intervals over seeds. Scale "
        f"{settings['scale']}, margin {settings['margin']:g}.\n"
        f"All in {found['seconds']:.0f} s."
    )
