"""The verb: a plan that writes nothing, a table, and a command that makes the winner again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from package_process import call_verb
from tiny_problems import opinions


@pytest.fixture
def words(write: Any, bert: str, tmp_path: Path) -> list[object]:
    out: list[object] = ["search", "sentiment", "--model", bert, "--out", tmp_path / "out"]
    for seed, split in enumerate(("train", "validation", "test")):
        out += [f"--{split}", write(f"{split}.jsonl", opinions(48, seed))]
    space = "learning_rate: {low: 1e-4, high: 1e-2, log: true}\ndropout: [null, 0.1]\n"
    out += ["--space", write("space.yaml", space), "--set", "epochs=1", "--labels", 32]
    return [*out, "--trials", 3, "--set", "batch_size=8"]


def test_from_plan_to_the_winner_s_command(words: list[object], capfd: Any, tmp_path: Path) -> None:
    done = call_verb(capfd, *words, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["trials"] == 3 and facts["first"]["train_examples"] == 32
    assert facts["space"]["learning_rate"] == {"low": 1e-4, "high": 1e-2, "log": True}
    assert not (tmp_path / "out").exists()

    done = call_verb(capfd, *words)
    assert done.returncode == 0, done.stderr
    assert "trial 002 (3 of 3): accuracy" in done.stderr and "min left" in done.stderr
    result = json.loads((tmp_path / "out" / "search.json").read_text())
    default, best = (f"{100 * result[name]['score']:.1f}" for name in ("default", "best"))
    assert f"without a search {default}, best {best}" in done.stdout
    assert "too good to be expected of new data" in done.stdout
    test = result["winner"]["metrics"]["test"]
    assert f"winner on test: accuracy {100 * test['accuracy']:.1f}" in done.stdout

    # The command it ends with makes the same model.
    last = done.stdout.splitlines()[-1]
    again = call_verb(capfd, *shlex.split(last.removeprefix("next: mlm-pretrain ")), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["metrics"] == result["winner"]["metrics"]

    # Nothing is left to do, and nothing is done.
    records = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")}
    done = call_verb(capfd, *words, "--json")
    assert json.loads(done.stdout)["winner"] == result["winner"]
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json")} == records


def test_mistakes_are_one_line_each(words: list[object], capfd: Any, write: Any) -> None:
    space = write("wrong.yaml", "seed: [1, 2]\n")
    for more, problem in [
        (["--space", space], "wrong.yaml: seed: cannot be searched"),
        (["--minutes", 0], "minutes: 0 leave no time"),
        (["--set", "metric=f2"], "metric: no score 'f2' here"),
    ]:
        done = call_verb(capfd, *words, *more)
        assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
        assert problem in done.stderr and "Traceback" not in done.stderr
