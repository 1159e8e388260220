"""Writes docs/parity.md: what was compared, and where ours deviates.

    KERAS_ARCFACE_ORIGINALS=FOLDER python tests/parity/table.py

with the folder that `tests/parity/run FOLDER` made.
"""

import datetime
import importlib.metadata
import platform
from pathlib import Path

import cases
import comparison
import deviations

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"
TITLES = {
    "tfa": "TensorFlow Addons",
    "pml": "pytorch-metric-learning",
}
HEAD = """\
# Parity with the originals

Ours against the losses they are named after, on the same seeded batches, value
and gradient, in float32. The originals run in pinned environments of their
own; CI compares anew at every submission:

```bash
tests/parity/run FOLDER                                            # compare
KERAS_ARCFACE_ORIGINALS=FOLDER python tests/parity/table.py        # this page
```

A difference is the largest one over all entries and cases, relative to the
largest entry, or to 0.1 for values and 0.03 for gradients that are smaller.
Ours agrees where that is below {tolerance:g}, or below what the original's own
rounding allows:
{noisy}.
On `float16` the originals compute in half, ours in float32; ours must give what
it gives on `ordinary` and be within {half:g} of the original, and that case is
not in the columns below. Where ours differs on purpose, a deviation is
declared, and the tests check both what the original does and what ours does
instead: one that no longer deviates fails.

Measured on {date}, on the CPU: {versions}.
"""


def versions_line(original_versions):
    ours = {
        name: importlib.metadata.version(name)
        for name in ("tensorflow", "keras", "numpy")
    }
    sides = {"ours": {"python": platform.python_version(), **ours}}
    sides |= {TITLES[name]: v for name, v in original_versions.items()}
    return "; ".join(
        f"{side} on " + ", ".join(f"{k} {v}" for k, v in versions.items())
        for side, versions in sides.items()
    )


def agreement(original, records, ours):
    """Returns the rows of the table of one original."""
    rows, made = [], cases.make()
    for loss in sorted({loss for loss, _ in records}):
        names = [case for case in cases.DESCRIPTIONS if (loss, case) in records]
        apart, deviating = {}, []
        for case in names:
            parts = comparison.check(
                original,
                loss,
                case,
                records[loss, case],
                ours[loss](**made[case]),
            )
            if deviations.find(original, loss, case) is not deviations.NONE:
                deviating.append(case)
            if case != "float16":
                parts.pop("bytes_of_centers", None)
                for part, value in parts.items():
                    apart[part] = max(apart.get(part, 0.0), value)
        rows.append(_row(loss, names, apart, deviating))
    return rows


def _row(loss, names, apart, deviating):
    gradients = [v for k, v in apart.items() if k.startswith("gradient")]
    if "value" in apart or gradients or not apart:
        value = _digit(apart["value"]) if "value" in apart else "-"
        gradient = _digit(max(gradients)) if gradients else "-"
    else:  # what a miner or a search chose
        value, gradient = "equal", ""
    return (
        f"| `{loss}` | {len(names)} | {value} | {gradient} | "
        f"{', '.join(deviating) or '-'} |"
    )


def _digit(difference):
    return f"{difference:.0e}" if difference else "0"


def deviations_section():
    """Returns the list of deviations, which needs no originals."""
    lines = ["## Deviations on purpose", ""]
    for original, title in TITLES.items():
        lines += [f"### {title}", ""]
        lines += ["| losses | cases | original | ours | reason |"]
        lines += ["|---|---|---|---|---|"]
        for entry in deviations.DEVIATIONS:
            if entry.original == original:
                lines.append(
                    f"| {entry.together or _names(entry.losses)} "
                    f"| {', '.join(entry.cases)} "
                    f"| {_checks(entry.theirs)} | {_checks(entry.ours)} "
                    f"| {entry.reason} |"
                )
        lines.append("")
    lines += ["Other defects of pytorch-metric-learning that are tested:", ""]
    lines += ["| what | original | ours | reason |", "|---|---|---|---|"]
    lines += [
        f"| {fact.name} | {_short(fact.theirs)} | {_short(fact.ours)} "
        f"| {fact.text} |"
        for fact in deviations.FACTS
    ]
    return "\n".join(lines) + "\n"


def _short(value):
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else value


def _names(losses):
    return ", ".join(f"`{loss}`" for loss in losses)


def _checks(checks):
    if len(checks) > 1 and len(set(checks.values())) == 1:
        return next(iter(checks.values()))
    return ", ".join(
        f"{part.replace('_', ' ')}: {check}" for part, check in checks.items()
    )


def cases_section():
    lines = ["## Cases", "", "| case | what it is |", "|---|---|"]
    lines += [
        f"| {name} | {text} |" for name, text in cases.DESCRIPTIONS.items()
    ]
    return "\n".join(lines) + "\n"


def document():
    import ours

    parts, versions = [], {}
    for original, title in TITLES.items():
        records, versions[original], _ = comparison.load(original)
        rows = agreement(original, records, getattr(ours, original)())
        parts += [f"## {title}", ""]
        parts += ["| loss | cases | value | gradient | deviates on |"]
        parts += ["|---|---|---|---|---|", *rows, ""]
    head = HEAD.format(
        tolerance=comparison.TOLERANCE,
        half=comparison.HALF_TOLERANCE,
        noisy=", ".join(
            f"{bound:g} for names that begin with `{name}`"
            for name, bound in comparison.NOISY.items()
        ),
        date=datetime.date.today().isoformat(),
        versions=versions_line(versions),
    )
    return "\n".join([head, *parts, deviations_section(), cases_section()])


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"wrote {DOCUMENT.name}")
