"""Draws what benchmarks/head.py measured: time and memory by classes.

Command:  python benchmarks/head_figure.py
Data:     benchmarks/results/head.json
Hardware: any
Time:     a second
Writes:   docs/images/head.png
"""

import json
from pathlib import Path

from keras_arcface.plots import style

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "head.json"
FIGURE = ROOT / "docs" / "images" / "head.png"


def draw(results, path):
    """Draws time, and memory beyond centres and gradient, of each head.

    Args:
        results: Dictionary with `dim` and `rows`, as `head.py` writes it, and
            `growth` where that was measured.
        path: Where to write; .png, .svg or .pdf.
    """
    rows = results["rows"] + results.get("growth", [])
    rows = [row for row in rows if "failed" not in row]
    heads = list(dict.fromkeys(row["head"] for row in rows))
    with style.figure(path, columns=2) as axes:
        time, memory = axes[0]
        for index, head in enumerate(heads):
            # A size that both parts measured is drawn once.
            mine = {r["classes"]: r for r in rows if r["head"] == head}
            classes = sorted(mine)
            look = {**style.line_style(index), "marker": ".", "label": head}
            time.plot(classes, [mine[c]["seconds"] for c in classes], **look)
            beyond = [beyond_gib(mine[c], results["dim"]) for c in classes]
            memory.plot(classes, beyond, **look)
        time.set(title="forward and backward", ylabel="seconds", yscale="log")
        memory.set(title="peak beyond centres and gradient", ylabel="GiB")
        for panel in (time, memory):
            panel.set(xlabel="classes", xscale="log")
        time.legend()


def beyond_gib(row, dim):
    """Returns the memory beyond the centres and their gradient, in GiB."""
    centers = row["classes"] * dim * 4 / 2**30
    return (row["memory_in_centres"] - 2) * centers


def main():
    draw(json.loads(RESULTS.read_text()), FIGURE)


if __name__ == "__main__":
    main()
