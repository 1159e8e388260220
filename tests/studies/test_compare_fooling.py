"""The five flaws that the Reality Check names, tried one after another.

Each is tried the easy way, which is refused, and by somebody who writes into
the ledger with our own code, whose report says so.
"""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from comparing import LOSSES
from comparing import Trainer
from comparing import make_examples
from comparing import make_protocol
from comparing import run

from keras_arcface.studies.compare import report
from keras_arcface.studies.compare.audit import flags_of
from keras_arcface.studies.compare.ledger import Ledger
from keras_arcface.studies.compare.ledger import LedgerError
from keras_arcface.studies.compare.locked import LockedError
from keras_arcface.studies.compare.locked import TestHalf
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.records import Records
from keras_arcface.studies.compare.report import read_comparison
from keras_arcface.studies.compare.report import write_report
from keras_arcface.studies.compare.running import compare

OPENING = {
    "opening": 1,
    "reason": None,
    "classes": 12,
    "queries": 60,
    "lone_queries": 0,
}


def ledger_of(folder):
    """The ledger, for somebody who adds to it by hand."""
    protocol = Protocol.load(folder / "protocol.json")
    rows = Ledger(folder, protocol.hash, "").rows
    return Ledger(folder, protocol.hash, rows[0]["run"])


def values_of(row):
    own = ("number", "protocol", "run", "kind", "time", "previous", "hash")
    return {k: v for k, v in row.items() if k not in own}


def flags_after(folder, kind, **changes):
    """Adds a changed copy of good's first row of a kind; returns its flags."""
    ledger = ledger_of(folder)
    row = next(
        row
        for row in ledger.rows
        if row["kind"] == kind and row["loss"] == "good"
    )
    ledger.append(kind, **{**values_of(row), **changes})
    values = write_report(folder)
    good = values["losses"]["good"]
    assert not good["compared"]
    pairs = values["differences"]["separated"]
    assert not any("good" in (p["first"], p["second"]) for p in pairs)
    text = (folder / "report.md").read_text()
    assert "good is not compared" in text
    assert not good["readings"] or "not compared |" in text
    return "; ".join(good["flags"])


@pytest.fixture(autouse=True)
def no_figure(monkeypatch):
    """Drawing takes longer than all the rest of a comparison here."""
    monkeypatch.setattr(report, "plot_intervals", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "mine")


# 1. A checkpoint that is chosen on the test set.


def test_a_checkpoint_that_validation_did_not_choose_is_refused(tmp_path):
    class Last(Trainer):
        """Gives back the worst look instead of the best."""

        def __call__(self, candidate, settings, protocol, x, y, judge, seed):
            embed, history = super().__call__(
                candidate, settings, protocol, x, y, judge, seed
            )
            judge(lambda x: x)  # Better than any of its own.
            return embed, history

    with pytest.raises(ValueError, match="checkpoint that `judge` liked best"):
        run(tmp_path, Last())


def test_the_test_half_stays_closed_until_all_choices_are_made(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after=9))
    ledger = ledger_of(tmp_path)
    examples = make_examples()
    records = Records(make_protocol(examples), ledger.rows)
    half = TestHalf(examples.x, examples.labels, ledger.append, records)
    with pytest.raises(LockedError, match="Waiting for: good, twin"):
        half.open("good")
    with pytest.raises(LockedError, match="is not open for good"):
        half.embed("good", lambda x: x)
    with pytest.raises(LockedError, match="is not open for good"):
        half.judge("good", [examples.x])


def test_the_test_half_is_opened_once(folder):
    ledger = ledger_of(folder)
    examples = make_examples()
    records = Records(make_protocol(examples), ledger.rows)
    half = TestHalf(examples.x, examples.labels, ledger.append, records)
    with pytest.raises(LockedError, match="opened for good.*--reopen"):
        half.open("good")
    assert half.open("good", "a reason") == 2


def test_a_row_whose_checkpoint_was_chosen_elsewhere_is_flagged(folder):
    flags = flags_after(folder, "trial", trial=3, validation=1.0)
    assert "has a checkpoint that is not the best by validation" in flags


def test_a_setting_that_was_chosen_elsewhere_is_flagged(folder):
    flags = flags_after(
        folder, "choice", settings={"margin": 0.5, "scale": 1.5}
    )
    assert "was chosen 2 times" in flags
    flags = flags_after(folder, "final", settings={"margin": 0.5, "scale": 1.5})
    assert "was tested with another setting than the chosen one" in flags


# 2. Unequal trials.


def test_more_trials_are_flagged(folder):
    flags = flags_after(folder, "trial", trial=3)
    assert "had 1 trials more than the 3 of every loss" in flags
    assert "had 1 trainings after a test half was opened" in flags


def test_a_trial_that_was_done_again_is_flagged(folder):
    assert "trained trial 0 on fold 0 2 times" in flags_after(folder, "trial")


def test_fewer_trials_do_not_reach_the_test_half(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after=9))
    ledger_of(tmp_path).append("opening", loss="good", **OPENING)
    flags = flags_after(tmp_path, "trial", trial=1)
    assert "had 0 trials of 3 before the test half was opened" in flags
    assert "was tested before a setting was chosen" in flags


def test_settings_that_were_picked_by_hand_are_flagged(folder):
    picked = {"margin": 0.4, "scale": 1.5}
    flags = flags_after(folder, "trial", trial=3, settings=picked)
    assert "trial 3 is not where sobol puts it" in flags
    flags = flags_after(folder, "trial", settings=picked)
    assert "trial 0 has settings that were not drawn" in flags


# 3. A changed augmentation, and what else is changed behind a name.


@pytest.mark.parametrize(
    "change, message",
    [
        ({"augmentation": "flip"}, "had augmentation='flip'"),
        ({"steps": 400}, "had steps=400"),
        ({"batch_size": 512}, "had batch_size=512"),
        ({"steps": None}, "had steps=None"),
    ],
)
def test_a_training_that_is_not_the_protocols_is_refused(
    change, message, tmp_path
):
    class Other(Trainer):
        def history(self, protocol, best_step):
            return {**super().history(protocol, best_step), **change}

    with pytest.raises(ValueError, match=message):
        run(tmp_path, Other())


def test_a_training_that_looks_more_often_than_others_is_refused(tmp_path):
    class Peeping(Trainer):
        def __call__(self, candidate, settings, protocol, *rest):
            if candidate.name == "good":
                protocol = dataclasses.replace(protocol, evaluate_every=1)
            return super().__call__(candidate, settings, protocol, *rest)

    with pytest.raises(ValueError, match="of good had looks=3.* says 2"):
        run(tmp_path, Peeping())


def test_a_longer_embedding_is_refused(tmp_path):
    class Longer(Trainer):
        def embed(self, candidate, settings, seed, step):
            inner = super().embed(candidate, settings, seed, step)
            if candidate.name != "good":
                return inner
            return lambda x: inner(x).repeat(2, axis=1)

    with pytest.raises(ValueError, match="length 8. Received 16 from good"):
        run(tmp_path, Longer())


def test_a_changed_augmentation_needs_another_folder(folder):
    with pytest.raises(ValueError, match='augmentation: "flip" here, "none"'):
        run(folder, augmentation="flip")


def test_an_edited_protocol_is_refused(folder):
    path = folder / "protocol.json"
    values = json.loads(path.read_text())
    values["augmentation"] = "flip"
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="was edited"):
        write_report(folder)
    # Nor does it help to write the fitting hash beside it.
    del values["hash"]
    Protocol.from_dict(values).save(folder)
    with pytest.raises(LedgerError, match="line 1 is of another protocol"):
        write_report(folder)


def test_a_training_with_another_augmentation_is_flagged(folder):
    flags = flags_after(folder, "trial", trial=3, augmentation="flip")
    assert "was trained with augmentation='flip'" in flags
    flags = flags_after(folder, "trial", trial=3, embedding_dim=16)
    assert "has embeddings of length 16" in flags
    flags = flags_after(folder, "trial", trial=3, seed=5)
    assert "was trained with seeds that others were not" in flags
    flags = flags_after(folder, "trial", trial=3, steps=None)
    assert "was trained with steps=None" in flags
    flags = flags_after(folder, "trial", trial=3, looks=[])
    assert "was judged 0 times in a training, not 2" in flags


def test_more_models_than_folds_are_flagged(folder):
    rows = ledger_of(folder).rows
    row = next(r for r in rows if r["kind"] == "final" and r["loss"] == "good")
    flags = flags_after(folder, "final", trainings=2 * row["trainings"])
    assert "was tested with 4 models, not 2 (reproduction 1)" in flags


def test_the_last_digit_of_another_machine_is_no_other_setting(folder):
    records = Records(
        Protocol.load(folder / "protocol.json"), ledger_of(folder).rows
    )
    for row in records.of("trial", "good"):
        margin = row["settings"]["margin"]
        row["settings"]["margin"] = float(np.nextafter(margin, 1))
    for row in [*records.of("choice", "good"), *records.of("final", "good")]:
        row["settings"] = records.best("good").settings
    assert not flags_of(records, "good")


def test_code_that_changed_between_sessions_is_flagged(folder):
    ledger = ledger_of(folder)
    ledger.append("session", **{**values_of(ledger.rows[0]), "code": "x"})
    flags = read_comparison(folder)["flags"]
    assert flags == ["the code of this package changed between sessions"]


def test_features_that_changed_behind_their_hash_are_flagged(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after=9))
    examples = make_examples()
    assert examples.content() == make_examples().content()
    examples.x[-1] += 1  # As in a cached file; the declared hash stays.
    protocol = make_protocol(examples)
    values = compare(protocol, examples, LOSSES, Trainer(), tmp_path)
    assert values["flags"] == [
        "the content of the examples changed between sessions"
    ]


# 4. A copied baseline.


def test_a_number_that_was_copied_in_is_refused(folder):
    row = {"kind": "final", "loss": "triplet", "map_at_r": 0.217}
    with open(folder / "ledger.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(LedgerError, match="is no line of a ledger"):
        write_report(folder)


def test_a_row_of_another_comparison_is_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    run(other, steps=8)
    line = (other / "ledger.jsonl").read_bytes().splitlines()[-1]
    with open(folder / "ledger.jsonl", "ab") as file:
        file.write(line + b"\n")
    with pytest.raises(LedgerError, match="of another protocol.*no run id"):
        write_report(folder)


def test_a_row_without_a_run_id_is_refused(folder):
    protocol = Protocol.load(folder / "protocol.json")
    ledger = Ledger(folder, protocol.hash, run="")
    last = ledger.rows[-1]
    ledger.append("final", loss=last["loss"], test=last["test"])
    with pytest.raises(LedgerError, match="no run id of this ledger"):
        write_report(folder)


def test_a_row_that_lacks_what_a_comparison_writes_is_refused(folder):
    ledger_of(folder).append("final", loss="good", test={"map_at_r": 0.9})
    with pytest.raises(LedgerError, match="says nothing of opening"):
        write_report(folder)


def test_a_loss_from_elsewhere_is_flagged(folder):
    ledger_of(folder).append("opening", loss="theirs", **OPENING)
    flags = read_comparison(folder)["flags"]
    assert flags == ["theirs is in the ledger and not in the protocol"]


# 5. No interval.


def test_one_reproduction_is_no_protocol():
    with pytest.raises(ValueError, match="seeds must be at least 2"):
        make_protocol(make_examples(), seeds=1)


def test_a_number_without_an_interval_is_not_compared(tmp_path):
    trials, good_first = 2 * (1 + 3 * 3), {"untrained": 6, "softmax": 6}
    stop = trials + sum(good_first.values()) + 2
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after=stop))
    values = write_report(tmp_path)
    good = values["losses"]["good"]
    assert not values["finished"] and not good["compared"]
    assert "has 1 reproductions of 3, and so no interval" in good["flags"]
    text = (tmp_path / "report.md").read_text()
    assert "(no interval)" in text and "not finished" in text


def test_more_tests_than_the_protocol_has_are_flagged(folder):
    flags = flags_after(folder, "final", reproduction=9)
    assert "was tested more often than 3 times" in flags
    flags = flags_after(folder, "final")
    assert "was tested more often than 3 times" in flags
