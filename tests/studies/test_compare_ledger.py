"""Every change of a ledger shows."""

import json

import pytest

from keras_arcface.studies.compare.ledger import Ledger
from keras_arcface.studies.compare.ledger import LedgerError
from keras_arcface.studies.compare.ledger import read

PROTOCOL = "a" * 64


@pytest.fixture
def folder(tmp_path):
    ledger = Ledger(tmp_path, PROTOCOL, run="run1")
    ledger.append("session", code="x")
    for trial in range(4):
        ledger.append("trial", trial=trial, validation=0.1 + 0.2)
    return tmp_path


def change(folder, edit):
    path = folder / "ledger.jsonl"
    lines = path.read_text().splitlines()
    edit(lines)
    path.write_text("".join(line + "\n" for line in lines))


def test_rows_come_back_exactly(folder):
    rows = read(folder, PROTOCOL)
    assert [row["kind"] for row in rows] == ["session"] + ["trial"] * 4
    assert rows[2]["validation"] == 0.1 + 0.2
    assert rows[0]["previous"] == PROTOCOL
    assert rows[2]["previous"] == rows[1]["hash"]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]


def test_another_process_goes_on(folder):
    ledger = Ledger(folder, PROTOCOL, run="run2")
    ledger.append("session", code="x")
    ledger.append("trial", trial=9)
    rows = read(folder, PROTOCOL)
    assert (rows[-1]["run"], rows[-1]["number"]) == ("run2", 7)
    assert rows == ledger.rows


def test_no_ledger_is_an_empty_one(tmp_path):
    assert read(tmp_path, PROTOCOL) == []
    assert Ledger(tmp_path, PROTOCOL, "run").head == PROTOCOL


def test_an_edited_number(folder):
    def edit(lines):
        lines[2] = lines[2].replace('"trial":1', '"trial":7')

    change(folder, edit)
    with pytest.raises(LedgerError, match="line 3 was edited"):
        read(folder, PROTOCOL)


@pytest.mark.parametrize("line", [0, 2])
def test_a_removed_line(folder, line):
    change(folder, lambda lines: lines.pop(line))
    with pytest.raises(LedgerError, match=f"line {line + 1} .*missing or mov"):
        read(folder, PROTOCOL)


@pytest.mark.parametrize("count", [1, 5])
def test_lines_cut_off_at_the_end(folder, count):
    change(folder, lambda lines: lines.__delitem__(slice(-count, None)))
    with pytest.raises(LedgerError, match=f"{count} lines were cut off"):
        read(folder, PROTOCOL)


def test_a_ledger_that_was_thrown_away(folder):
    (folder / "ledger.jsonl").unlink()
    with pytest.raises(LedgerError, match="5 lines were cut off"):
        read(folder, PROTOCOL)


def test_moved_lines(folder):
    def edit(lines):
        lines[2], lines[3] = lines[3], lines[2]

    change(folder, edit)
    with pytest.raises(LedgerError, match="line 3 does not follow"):
        read(folder, PROTOCOL)


def test_a_line_that_was_done_twice(folder):
    change(folder, lambda lines: lines.insert(3, lines[2]))
    with pytest.raises(LedgerError, match="line 4 does not follow"):
        read(folder, PROTOCOL)


def test_a_line_of_another_protocol(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    foreign = Ledger(other, "b" * 64, run="run1")
    foreign.append("session", code="x")
    foreign.append("trial", trial=0)
    line = (other / "ledger.jsonl").read_text().splitlines()[1]
    change(folder, lambda lines: lines.append(line))
    with pytest.raises(LedgerError, match="line 6 is of another protocol"):
        read(folder, PROTOCOL)


@pytest.mark.parametrize("run", ["", "somebody"])
def test_a_row_without_a_run_of_this_ledger(folder, run):
    Ledger(folder, PROTOCOL, run).append("trial", trial=4, validation=1.0)
    with pytest.raises(LedgerError, match="line 6 has no run id"):
        read(folder, PROTOCOL)


@pytest.mark.parametrize(
    "line", ["", "{}", "[1]", '{"loss": "mine", "map_at_r": 0.9}', "\\x00"]
)
def test_what_is_no_line(folder, line):
    change(folder, lambda lines: lines.append(line))
    with pytest.raises(LedgerError, match="line 6 is no line of a ledger"):
        read(folder, PROTOCOL)


def test_a_number_that_json_has_not(folder):
    def edit(lines):
        row = {**json.loads(lines[2]), "validation": float("nan")}
        lines[2] = json.dumps(row)

    change(folder, edit)
    with pytest.raises(LedgerError, match="line 3 is no line"):
        read(folder, PROTOCOL)


def test_half_a_line_is_dropped(folder):
    path = folder / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number": 6, "protocol"')
    assert len(read(folder, PROTOCOL)) == 5
    ledger = Ledger(folder, PROTOCOL, "run1")
    assert path.read_bytes() == whole
    ledger.append("trial", trial=4)
    assert len(read(folder, PROTOCOL)) == 6


def test_a_kill_between_line_and_head(folder):
    head = (folder / "ledger.head").read_bytes()
    Ledger(folder, PROTOCOL, "run1").append("trial", trial=4)
    (folder / "ledger.head").write_bytes(head)
    assert len(read(folder, PROTOCOL)) == 6
    Ledger(folder, PROTOCOL, "run1")
    assert json.loads((folder / "ledger.head").read_text())["lines"] == 6


def test_a_broken_head(folder):
    (folder / "ledger.head").write_text("{}")
    with pytest.raises(LedgerError, match="no head of a ledger"):
        read(folder, PROTOCOL)


def test_values_that_json_cannot_hold_leave_nothing(folder):
    before = (folder / "ledger.jsonl").read_bytes()
    ledger = Ledger(folder, PROTOCOL, "run1")
    with pytest.raises(ValueError, match="JSON"):
        ledger.append("trial", validation=float("nan"))
    assert (folder / "ledger.jsonl").read_bytes() == before
