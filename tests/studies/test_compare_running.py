"""A comparison from its first trial to its report, and after every stop."""

import dataclasses

import numpy as np
import pytest
from comparing import DIM
from comparing import LOSSES
from comparing import Loss
from comparing import Trainer
from comparing import make_examples
from comparing import make_protocol
from comparing import run

from keras_arcface.studies.compare import report
from keras_arcface.studies.compare.ledger import read
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.running import compare
from keras_arcface.training.run_folder import sole_writer


@pytest.fixture(autouse=True)
def no_figure(monkeypatch):
    """Drawing takes longer than all the rest of a comparison here."""
    monkeypatch.setattr(report, "plot_intervals", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    trainer = Trainer()
    return folder, run(folder, trainer), trainer.calls


def rows_of(folder):
    protocol = Protocol.load(folder / "protocol.json")
    return read(folder, protocol.hash)


def without_clock(values):
    """What a report says, without when and how fast."""
    clock = ("ledger", "sessions", "seconds")
    return {name: v for name, v in values.items() if name not in clock}


def test_every_loss_has_as_many_trials_on_every_fold(finished):
    _, values, calls = finished
    trials = {n: len(loss["trials"]) for n, loss in values["losses"].items()}
    assert trials == {"untrained": 1, "softmax": 3, "good": 3, "twin": 3}
    assert len(calls) == 2 * (1 + 3 * 3) + 2 * 3 * 4


def test_losses_meet_the_same_points_and_seeds(finished):
    _, _, calls = finished
    good = [(s, seed) for name, s, seed in calls if name == "good"]
    twin = [(s, seed) for name, s, seed in calls if name == "twin"]
    assert good[:6] == twin[:6]
    assert [seed for _, seed in good[6:]] == [seed for _, seed in twin[6:]]
    assert len({seed for _, seed in good}) == 2 * (1 + 3)


def test_nothing_is_tested_before_every_choice_is_made(finished):
    folder, _, _ = finished
    kinds = [row["kind"] for row in rows_of(folder)]
    first = kinds.index("opening")
    assert "trial" not in kinds[first:] and "choice" not in kinds[first:]
    assert kinds.count("opening") == 4 and kinds.count("final") == 4 * 3
    assert kinds[0] == "session"


def test_the_best_by_validation_is_chosen(finished):
    _, values, _ = finished
    for loss in values["losses"].values():
        best = max(loss["trials"], key=lambda trial: trial["validation"])
        assert loss["chosen"] == best


def test_a_fair_comparison_is_finished_and_unflagged(finished):
    _, values, _ = finished
    assert values["finished"] and values["flags"] == []
    for loss in values["losses"].values():
        assert loss["flags"] == [] and loss["compared"]


def test_readings_have_a_value_a_reproduction(finished):
    _, values, _ = finished
    for loss in values["losses"].values():
        for reading in ("separated", "concatenated"):
            for metric in ("map_at_r", "r_precision", "precision_at_1"):
                number = loss["readings"][reading][metric]
                assert len(number["values"]) == 3
                low, high = number["interval"]
                assert low <= number["mean"] <= high
                assert number["mean"] == pytest.approx(
                    np.mean(number["values"])
                )


def test_a_training_never_gets_an_example_of_the_test_half(tmp_path):
    examples = make_examples()
    halves = set()

    class Watching(Trainer):
        def __call__(self, candidate, settings, protocol, x, y, judge, seed):
            halves.update(row.tobytes() for row in x)
            return super().__call__(
                candidate, settings, protocol, x, y, judge, seed
            )

    run(tmp_path, Watching())
    test = examples.x[examples.labels >= 12]
    assert halves and not halves & {row.tobytes() for row in test}


@pytest.mark.parametrize("stop_after", [0, 1, 7, 19, 20, 23, 43])
def test_what_was_stopped_goes_on_as_if_it_had_not_been(
    stop_after, finished, tmp_path, capsys
):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after))
    assert "of 44 trainings" in capsys.readouterr().err
    assert not (tmp_path / "report.md").exists()
    rest = Trainer()
    values = run(tmp_path, rest)
    assert without_clock(values) == without_clock(finished[1])
    # Of the training that was under way and its reproduction, no more.
    assert stop_after + len(rest.calls) <= 44 + 2


def test_a_finished_comparison_is_not_done_again(finished):
    folder, values, _ = finished
    before = (folder / "ledger.jsonl").read_bytes()
    again = Trainer()
    assert run(folder, again) == values
    assert again.calls == []
    assert (folder / "ledger.jsonl").read_bytes() == before


def test_a_folder_holds_one_protocol(finished):
    with pytest.raises(ValueError, match="steps: 6 here, 4 there"):
        run(finished[0], steps=6)


def test_other_data_are_refused(tmp_path):
    protocol = make_protocol(make_examples())
    with pytest.raises(ValueError, match="must be that of the protocol"):
        compare(
            protocol, make_examples(seed=1), LOSSES, Trainer(), tmp_path / "a"
        )
    assert not (tmp_path / "a").exists()


def test_losses_with_other_ranges_are_refused(tmp_path):
    examples = make_examples()
    wider = dataclasses.replace(LOSSES["good"], search_space={})
    with pytest.raises(ValueError, match="have others: good"):
        compare(
            make_protocol(examples),
            examples,
            {**LOSSES, "good": wider},
            Trainer(),
            tmp_path / "a",
        )
    few = {name: LOSSES[name] for name in ("untrained", "softmax", "good")}
    with pytest.raises(ValueError, match="no loss called twin"):
        compare(
            make_protocol(examples), examples, few, Trainer(), tmp_path / "a"
        )


def test_two_processes_do_not_share_a_folder(tmp_path):
    with sole_writer(tmp_path), pytest.raises(FileExistsError):
        run(tmp_path)


def test_a_second_look_needs_a_reason_and_is_shown(tmp_path):
    first = run(tmp_path)
    again = run(tmp_path, reopen={"good": "its | weights were to be drawn"})
    assert len(again["losses"]["good"]["again"]) == 1
    for name in ("readings", "compared"):
        assert first["losses"]["good"][name] == again["losses"]["good"][name]
    note = again["losses"]["good"]["notes"]
    assert "weights were to be drawn. The first look counts" in note[0]
    text = (tmp_path / "report.md").read_text()
    assert "Looked at again" in text
    assert r"its \| weights were to be drawn" in text


def test_a_second_look_that_was_stopped_goes_on(tmp_path):
    run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(stop_after=3), reopen={"good": "again"})
    with pytest.raises(ValueError, match="Leave --reopen out to go on"):
        run(tmp_path, reopen={"good": "again"})
    values = run(tmp_path)
    (again,) = values["losses"]["good"]["again"]
    assert len(again["readings"]["separated"]["map_at_r"]["values"]) == 3


def test_there_is_nothing_to_reopen_at_the_start(tmp_path):
    with pytest.raises(ValueError, match="nothing to reopen"):
        run(tmp_path, reopen={"good": "curious"})
    for reopen in ({"nobody": "curious"}, {"good": "  "}):
        with pytest.raises(ValueError, match="and a reason"):
            run(tmp_path, reopen=reopen)


class Diverging(Trainer):
    """Fails in the first trial of one loss, or in all of it."""

    def __init__(self, name, seeds):
        super().__init__()
        self.name, self.seeds = name, seeds

    def __call__(self, candidate, settings, protocol, x, y, judge, seed):
        out = super().__call__(candidate, settings, protocol, x, y, judge, seed)
        if candidate.name == self.name and seed in self.seeds:
            raise FloatingPointError("the loss is NaN")
        return out


def test_a_loss_that_always_diverges_ends_no_comparison(tmp_path):
    values = run(tmp_path, Diverging("good", range(10_000)))
    good = values["losses"]["good"]
    assert values["finished"] and not good["compared"] and not good["readings"]
    assert "diverged in every trial" in good["notes"]
    assert values["losses"]["twin"]["compared"]
    assert run(tmp_path, Trainer(stop_after=0)) == values


def test_a_reproduction_that_diverges_leaves_a_loss_out(tmp_path):
    values = run(tmp_path, Diverging("good", [1000]))
    good = values["losses"]["good"]
    assert good["flags"] == ["diverged in 1 of 3 reproductions"]
    assert len(good["readings"]["separated"]["map_at_r"]["values"]) == 2
    names = {p["first"] for p in values["differences"]["separated"]}
    assert "good" not in names and not good["compared"]


def test_embeddings_that_are_not_finite_are_worth_nothing(tmp_path):
    class Collapsing(Trainer):
        def embed(self, candidate, settings, seed, step):
            inner = super().embed(candidate, settings, seed, step)
            if candidate.name != "good":
                return inner
            return lambda x: np.full((len(x), DIM), np.nan, np.float32)

    good = run(tmp_path, Collapsing())["losses"]["good"]
    assert good["chosen"]["validation"] == 0
    assert good["readings"]["concatenated"]["map_at_r"]["mean"] == 0


@pytest.mark.parametrize(
    "searcher", ["random", pytest.param("optuna", id="optuna")]
)
def test_other_searchers_go_on_after_a_stop_too(searcher, tmp_path):
    if searcher == "optuna":
        pytest.importorskip("optuna")
    whole = run(tmp_path / "whole", searcher=searcher)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Trainer(stop_after=11), searcher=searcher)
    cut = run(tmp_path / "cut", searcher=searcher)
    assert without_clock(cut) == without_clock(whole)
    assert cut["losses"]["good"]["flags"] == []


def test_baselines_are_always_there(tmp_path):
    alone = {
        name: loss for name, loss in LOSSES.items() if loss.kind == "baseline"
    }
    assert isinstance(alone["softmax"], Loss)
    values = run(tmp_path, losses=alone)
    text = (tmp_path / "report.md").read_text()
    for name in ("untrained", "softmax"):
        assert values["losses"][name]["readings"]
        assert f"| {name} (baseline) |" in text
