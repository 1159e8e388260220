"""The page in a real browser: what it shows, and that it asks for nothing."""

import browser
import numpy as np
import pytest
from PIL import Image

from keras_arcface.studies.report import report

FACTS = """(() => ({
  overflow: document.documentElement.scrollWidth - innerWidth,
  images: document.images.length,
  broken: [...document.images].filter(
    image => !image.complete || !image.naturalWidth
  ).length,
  paper: getComputedStyle(document.body).backgroundColor,
  unreachable: [...document.querySelectorAll('.scroll')].filter(
    box => box.scrollWidth > box.clientWidth && box.tabIndex !== 0
  ).length,
}))()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report on glyphs by a network that knows nothing: it has it all."""
    from keras_arcface import SmallNet

    folder = tmp_path_factory.mktemp("browser")
    SmallNet(input_shape=(32, 32, 3), embedding_dim=16).save(folder / "m.keras")
    output = folder / "page.html"
    report(
        str(folder / "m.keras"),
        "glyphs",
        output,
        most_pictures=600,
        most_pairs=20_000,
        command="keras-arcface report " + "a-very-long-name" * 30,
    )
    return output


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_and_asks_for_nothing(page, width, dark, tmp_path):
    if browser.find() is None:
        pytest.skip("there is no Chromium (Debian's package chromium)")
    with browser.chromium(width, dark=dark) as tab:
        tab.open(page)
        facts = tab.value(FACTS)
        tab.screenshot(tmp_path / "page.png")
        asked = [
            event["request"]["url"]
            for event in tab.happened("Network.requestWillBeSent")
        ]
        said = tab.happened(
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
        )
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [
        page.as_uri()
    ]
    assert facts["broken"] == 0 and facts["images"] > 60
    assert facts["overflow"] <= 0 and facts["unreachable"] == 0
    shown = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    corner = int(shown[2, 2])
    assert corner < 60 if dark else corner > 230
    ink = np.abs(shown.astype(int) - corner) > 100
    assert 0.005 < ink.mean() < 0.5
