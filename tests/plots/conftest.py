import pytest

from keras_arcface.plots import style


@pytest.fixture
def drawings(monkeypatch):
    """Collects the figures that are written, to read their artists back."""
    kept = []
    save = style._save

    def keep(drawing, path):
        kept.append(drawing)
        save(drawing, path)

    monkeypatch.setattr(style, "_save", keep)
    return kept
