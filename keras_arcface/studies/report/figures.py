"""Figures and pictures as parts of the page itself, safe and small."""

import base64
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import scrolling
from keras_arcface.studies.report.elements import tag

MOST_SVG_BYTES = 250_000
SIDE = 112
# Smaller pictures are kept as they are: JPEG would blur what little they have.
LOSSLESS_SIDE = 64
QUALITY = 85
# Below, what is drawn for a wide page cannot be read.
WIDE = 500
SVG = "http://www.w3.org/2000/svg"
# Colours of plots/style.py: what they become on dark paper.
DARK = {
    "#ffffff": "#16191d",
    "#000000": "#e6e8eb",
    "#333333": "#c4c9cf",
    "#666666": "#9aa1a9",
    "#dddddd": "#33383f",
    "#d9d9d9": "#33383f",
    "#f0f0f0": "#22262b",
    "#0072b2": "#5cb3ee",
    "#d55e00": "#f08a4b",
    "#009e73": "#3ccfa3",
}
_POINT = 4 / 3  # CSS pixels


def figure(
    draw: Callable[[Path], None], alternative: str, caption: str
) -> Markup:
    """Returns a figure of `plots` as an image inside the page.

    As an image an SVG runs no script, asks for nothing from the network and
    keeps its names to itself. Drawings that would take over 250 kB become PNG.

    Args:
        draw: Writes the figure to a path that ends in .svg or .png.
        alternative: What it shows, for those who do not see it.
        caption: Below the figure.
    """
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "figure.svg"
        draw(path)
        content, width, height = adaptive_svg(path.read_bytes())
        kind = "svg+xml"
        if len(content) > MOST_SVG_BYTES:
            path = path.with_suffix(".png")
            draw(path)
            content, kind = path.read_bytes(), "png"
    image = tag(
        "img",
        src=_uri(content, kind),
        alt=alternative,
        width=round(width),
        height=round(height),
        class_="wide" if width > WIDE else None,
    )
    if width > WIDE:
        image = scrolling(image, caption)
    return tag("figure", image, tag("figcaption", caption), class_="drawing")


def adaptive_svg(content: bytes) -> tuple[bytes, float, float]:
    """Returns an SVG that follows the reader's choice of light or dark.

    Args:
        content: As matplotlib writes it.

    Returns:
        The SVG, its width and its height in CSS pixels.
    """
    root = ElementTree.fromstring(content)
    for element in root.iter():
        style = element.get("style")
        if style is not None:
            element.set("style", _named_colours(style))
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    rules = ElementTree.Element(f"{{{SVG}}}style")
    rules.text = _rules()
    root.insert(0, rules)
    width, height = (
        float(root.get(name).removesuffix("pt")) * _POINT
        for name in ("width", "height")
    )
    return ElementTree.tostring(root), width, height


def picture(image: np.ndarray, alternative: str, class_: str) -> Markup:
    """Returns a picture as part of the page, at most 112 pixels a side.

    Args:
        image: RGB uint8 `(height, width, 3)`.
        alternative: What it shows, for those who do not see it.
        class_: How it is framed.
    """
    small = Image.fromarray(image)
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if max(small.size) <= LOSSLESS_SIDE:
        small.save(stream, "PNG", optimize=True)
        kind = "png"
    else:
        small.save(stream, "JPEG", quality=QUALITY, optimize=True)
        kind = "jpeg"
    return tag(
        "img",
        src=_uri(stream.getvalue(), kind),
        alt=alternative,
        width=small.width,
        height=small.height,
        class_=class_,
    )


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _named_colours(style: str) -> str:
    parts = []
    for part in style.split(";"):
        name, colon, value = part.partition(":")
        colour = value.strip().lower()
        if colour in DARK:
            value = f" var(--c{colour[1:]}, {colour})"
        parts.append(f"{name}{colon}{value}")
    return ";".join(parts)


def _rules() -> str:
    dark = "".join(f"--c{light[1:]}:{dark};" for light, dark in DARK.items())
    return (
        "text{fill:var(--c000000,#000000)}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )
