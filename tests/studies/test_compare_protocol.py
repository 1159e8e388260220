"""A protocol: frozen, hashed, and read back as it was."""

import dataclasses
import json

import pytest
from comparing import LOSSES
from comparing import make_examples
from comparing import make_protocol

from keras_arcface.studies.compare.protocol import Protocol

PROTOCOL = make_protocol(make_examples())


def test_every_field_is_in_the_hash():
    changes = {
        "augmentation": "flip",
        "batch_norm": "frozen",
        "embedding_dim": 9,
        "learning_rate": 2e-3,
        "trials": 4,
        "seeds": 4,
        "version": "0.0.0",
        "data_hash": "0" * 64,
    }
    hashes = {PROTOCOL.hash}
    hashes |= {
        dataclasses.replace(PROTOCOL, **{name: value}).hash
        for name, value in changes.items()
    }
    assert len(hashes) == 1 + len(changes)
    assert len(PROTOCOL.hash) == 64


def test_another_range_is_another_hash():
    losses = json.loads(json.dumps(PROTOCOL.to_dict()["losses"]))
    losses["good"]["search_space"]["margin"]["high"] = 0.9
    assert dataclasses.replace(PROTOCOL, losses=losses).hash != PROTOCOL.hash


def test_equal_values_have_one_hash():
    one = dataclasses.replace(PROTOCOL, learning_rate=1)
    other = dataclasses.replace(PROTOCOL, learning_rate=1.0)
    assert one.hash == other.hash
    turned = dict(reversed(PROTOCOL.losses.items()))
    assert dataclasses.replace(PROTOCOL, losses=turned).hash == PROTOCOL.hash


def test_round_trip(tmp_path):
    path = PROTOCOL.save(tmp_path)
    again = Protocol.load(path)
    assert again.hash == PROTOCOL.hash
    assert again.input_shape == PROTOCOL.input_shape
    assert PROTOCOL.differences(again) == []


def test_an_edited_file_is_refused(tmp_path):
    path = PROTOCOL.save(tmp_path)
    path.write_text(path.read_text().replace('"steps": 4', '"steps": 40'))
    with pytest.raises(ValueError, match="was edited"):
        Protocol.load(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"hash": 1}'])
def test_what_is_no_protocol_is_refused(text, tmp_path):
    path = tmp_path / "protocol.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="no protocol|Missing or unknown"):
        Protocol.load(path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"folds": 1}, "folds must be at least 2"),
        ({"seeds": 1}, "seeds must be at least 2"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"classes": 7}, "classes must be at least 8"),
        ({"steps": 2.5}, "steps must be of type int"),
        ({"steps": True}, "steps must be of type int"),
        ({"searcher": "grid"}, "searcher must be one of sobol"),
        ({"metric": "nmi"}, "metric must be one of"),
        ({"batch_norm": "on"}, "batch_norm must be one of"),
        ({"batch_size": 6}, "multiple of pair_samples=4"),
        ({"batch_size": 9, "pair_samples": 3}, "pair_samples must be even"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite"),
        ({"losses": []}, "losses must map"),
        ({"losses": {}}, "Missing among the losses: untrained, softmax"),
    ],
)
def test_values_that_no_comparison_can_have(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PROTOCOL, **change)


def test_a_loss_needs_kind_and_ranges():
    for bad in ({"kind": "class"}, {"kind": "odd", "search_space": {}}, 3):
        losses = {**PROTOCOL.losses, "bad": bad}
        with pytest.raises(ValueError, match=r"losses\['bad'\] must hold"):
            dataclasses.replace(PROTOCOL, losses=losses)


def test_trials_are_equal_but_where_nothing_is_to_choose():
    trials = {name: PROTOCOL.trials_of(name) for name in LOSSES}
    assert trials == {"untrained": 1, "softmax": 3, "good": 3, "twin": 3}
    assert PROTOCOL.trainings == 2 * (1 + 3 * 3) + 2 * 3 * 4
