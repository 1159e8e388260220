import pytest

from keras_arcface.cli.main import main
from keras_arcface.utils import memory
from keras_arcface.utils.memory import free_memory


def call(*arguments):
    return main(["plan", *[str(argument) for argument in arguments]])


def last_line(capsys):
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_it_compares_the_paths(capsys):
    assert call("--classes", 1_000_000, "--batch", 256, "--memory", 100) == 0
    first, heads, *rows, last = capsys.readouterr().out.splitlines()
    assert "of 100.0 GiB as given" in first
    assert heads.split()[0] == "path" and heads.split()[-1] == "fits"
    paths = [row.split("  ")[0] for row in rows]
    assert paths == ["dense", "fused", "partial 0.1 (fused)"]
    totals = [float(row.split()[-2]) for row in rows]
    assert totals == sorted(totals, reverse=True)
    assert all(row.endswith("yes") for row in rows)
    assert last.startswith("Train on all classes: the fused path")


@pytest.mark.parametrize(
    "arguments, advice",
    [
        (("--memory", 8), "Train with --sample-rate 0.1: "),
        (("--memory", 8, "--sample-rate", 0.2), "Train with --sample-rate 0.2"),
        (("--memory", 3), "over 4 devices with KERAS_BACKEND=jax"),
        (("--memory", 0.001), "take a smaller --dim or --batch"),
    ],
)
def test_it_says_what_to_do(arguments, advice, capsys):
    assert call("--classes", 1_000_000, *arguments) == 0
    assert advice in last_line(capsys)


def test_few_classes_have_one_path_without_a_sample(capsys):
    assert call("--classes", 500, "--memory", 1) == 0
    output = capsys.readouterr().out
    assert "fused" not in output and "MiB" in output


def test_devices_are_named_and_replicas_move_alike(capsys):
    arguments = ("--classes", 2_000_000, "--batch", 512, "--devices", 8)
    assert call(*arguments) == 0
    output = capsys.readouterr().out
    assert "on each of 8 devices" in output
    assert "partial 0.1 (fused), dense update" in output
    gpus = ("--backend", "jax", "--accelerator", "--memory", 40)
    assert call(*arguments, *gpus) == 0
    # Devices that share the classes draw no sample.
    assert "partial" not in capsys.readouterr().out


def test_what_a_head_would_refuse_is_not_planned(capsys):
    shared = ("--backend", "jax", "--devices", 4)
    assert call("--classes", 10_001, *shared) == 2
    assert "--classes must be divisible by" in capsys.readouterr().err
    assert call("--classes", 10_000, *shared, "--sample-rate", 0.1) == 2
    assert "--sample-rate must be 1.0" in capsys.readouterr().err
    assert call("--classes", 10_000, "--accelerator") == 2
    assert "--memory must be given" in capsys.readouterr().err
    assert call("--classes", 1_000_003, "--memory", 3) == 0
    assert "sharded_centers" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, flag",
    [
        (("--classes", 1), "--classes must be"),
        (("--classes", 10, "--dim", 0), "--dim must be"),
        (("--classes", 10, "--batch", -3), "--batch=-3"),
        (("--classes", 10, "--sub-centers", 0), "--sub-centers must be"),
        (("--classes", 10, "--chunk-size", -1), "--chunk-size must be"),
        (("--classes", 10, "--sample-rate", 2), "--sample-rate must be"),
        (("--classes", 10, "--devices", 0), "--devices must be"),
        (("--classes", 10, "--memory", "nan"), "--memory must be above 0"),
    ],
)
def test_nonsense_names_the_flag(arguments, flag, capsys):
    assert call(*arguments) == 2
    assert flag in capsys.readouterr().err


def test_it_works_where_the_system_does_not_say_what_is_free(
    monkeypatch, capsys
):
    monkeypatch.setattr("keras_arcface.cli.plan.free_memory", lambda: None)
    assert call("--classes", 1_000_000) == 0
    output = capsys.readouterr().out
    assert "fits" not in output and "Train" not in output


def test_free_memory_is_the_least_of_machine_and_container(
    tmp_path, monkeypatch
):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", meminfo)
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert free_memory() == (4000 * 1024, "free on this machine")
    (tmp_path / "memory.current").write_text("1500\n")
    (tmp_path / "memory.stat").write_text("anon 9\ninactive_file 500\n")
    (tmp_path / "memory.max").write_text("3000\n")
    assert free_memory() == (2000, "left in this container")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory()[0] == 4000 * 1024
