"""The verb as a person starts it: a plan, a killed process that goes on, lines that name the page."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from answers import SETTINGS
from package_process import call_verb, signal_when

from mlm_pretrain.cli.worth import variants_of
from mlm_pretrain.errors import InputError
from mlm_pretrain.worth import Variant


@pytest.fixture
def words(three: list[Variant], task_folder: Path, tmp_path: Path) -> list[str]:
    base, adapted, control = three
    found = ["worth", "--base", base.model, "--variant", f"DAPT={adapted.model}"]
    found += ["--control", f"wiki={control.model}", "--task", f"sentiment:{task_folder}"]
    found += ["--cost", "DAPT=54", "wiki=50.5", "--seeds", "2", "--labels", "32"]
    return [*found, "--set", f"epochs={SETTINGS['epochs']}", "--out", str(tmp_path / "out")]


def test_from_the_plan_over_a_kill_to_the_page(
    words: list[str], capfd: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = call_verb(capfd, *words, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "6 fine-tunings, 0 of them there already" in done.stdout
    assert "opinions, wiki: 32 labels" in done.stdout and not out.exists()

    killed = signal_when(
        ["-m", "mlm_pretrain", *words], lambda: len(_records(out)) >= 2, signal.SIGKILL
    )
    assert killed.returncode == -signal.SIGKILL and not (out / "worth.html").exists()
    before = _records(out)
    done = call_verb(capfd, *words)
    assert done.returncode == 0, done.stderr
    assert _records(out).keys() >= before.keys()
    assert all(_records(out)[path] == content for path, content in before.items())
    assert "run 6 of 6" in done.stderr and "left" in done.stderr

    result = json.loads((out / "worth.json").read_text())
    assert result["sentences"][0] in done.stdout and result["keep"]["sentence"] in done.stdout
    assert done.stdout.splitlines()[-1] == f"written: {out}/worth.html, worth.md, worth.json"
    assert result["variants"]["wiki"]["cost"] == {"seconds": 3_030.0}
    assert result["command"].startswith("mlm-pretrain worth --base")
    again = call_verb(capfd, *words, "--json")
    assert json.loads(again.stdout)["comparisons"] == result["comparisons"]


def _records(out: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in out.rglob("record.json")}


def test_a_second_process_is_told_of_the_first(
    words: list[str], capfd: Any, tmp_path: Path
) -> None:
    import os
    import platform

    (tmp_path / "out").mkdir()
    mark = {"pid": os.getppid(), "host": platform.node(), "stage": "worth"}
    (tmp_path / "out" / "run.json").write_text(json.dumps(mark))
    done = call_verb(capfd, *words)
    assert done.returncode == 2 and f"process {os.getppid()} on" in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("m", ["DAPT"], [], []), "--variant DAPT: is not NAME=VALUE"),
        (("m", ["a=x"], [], ["b=5"]), "--cost b: no such model\n.*base, a"),
        (("m", ["a=x"], [], ["a=long"]), "--cost a=long: long is no number"),
    ],
)
def test_a_flag_that_names_nothing_is_told_how_to(flags: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        variants_of(*flags)


def test_the_base_may_have_a_name() -> None:
    first, second = variants_of("bert=models/bert", ["a=x=y"], [], ["a=2"])
    assert (first.name, first.model, first.role) == ("bert", "models/bert", "base")
    assert (second.model, second.cost) == ("x=y", {"seconds": 120.0})
