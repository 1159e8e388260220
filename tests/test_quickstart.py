import json

from keras_arcface.data import glyphs
from keras_arcface.studies.quickstart import quickstart


def test_quickstart_in_small(tmp_path, capsys):
    """The README's first command on a tenth of its data."""
    train = glyphs.load("train", identities=60, pictures_per_identity=8)
    test = glyphs.load("test", identities=40, pictures_per_identity=8)
    summary = quickstart(
        tmp_path / "q", epochs=1, train_data=train, test_data=test, pairs=800
    )
    assert {path.name for path in (tmp_path / "q").iterdir()} == {
        "arcface.keras",
        "det.png",
        "exports",
        "neighbours.png",
        "scores.png",
        "summary.json",
        "training.png",
    }
    stored = json.loads((tmp_path / "q" / "summary.json").read_text())
    assert stored["results"].keys() == {"ArcFace", "softmax"}
    for result in summary["results"].values():
        low, high = result["eer_interval"]
        assert 0 <= low <= result["eer"] <= high <= 1
    assert [e["format"] for e in summary["exports"]] == [
        "saved_model",
        "tflite",
        "onnx",
    ]
    assert all(e["max_one_minus_cosine"] < 1e-6 for e in summary["exports"])
    text = capsys.readouterr().out
    assert "characters that neither model has seen" in text
    assert str(tmp_path / "q") in text
