"""Probes that cannot work are refused before a run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import package_process
import pytest
from resumable import config

from mlm_pretrain.errors import InputError
from mlm_pretrain.training.pretrain import pretrain

REFUSED = {
    "a folder that is missing": ({"tasks": ["none"]}, r"probes\.tasks\.none: none: no such folder"),
    "pairs that are missing": ({"blimp": "none.jsonl"}, r"probes\.blimp: none\.jsonl"),
    "a score that is unknown": (
        {"tasks": ["TASK"], "keep_best": "wrods/linear"},
        r"keep_best: wrods/linear is no score[\s\S]*known here: words/linear",
    ),
    "a figure of the shape": (
        {"tasks": ["TASK"], "keep_best": "effective_rank"}, r"says whether vectors collapse",
    ),
    "a corpus that is missing": ({"texts": "nowhere.txt"}, r"nowhere\.txt"),
}  # fmt: skip


@pytest.mark.parametrize("probes, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_before_a_folder_is_touched(
    probes: dict[str, Any], message: str, prepared: Path, task: Path, tmp_path: Path
) -> None:
    tasks = [str(task) if name == "TASK" else name for name in probes.get("tasks", [])]
    with pytest.raises(InputError, match=message):
        pretrain(config(prepared, tmp_path / "run", probes={**probes, "tasks": tasks}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["pretrain.probes.keep_best=linear"], "give tasks or blimp"),
        (["pretrain.probes.stop_after=2"], "name it by keep_best"),
        (["pretrain.probes.evry=2"], "did you mean 'every'"),
        (["pretrain.probes.tasks=[a/x, b/x]"], "two tasks are called x"),
        (["pretrain.probes.tasks=[3]"], "3 is no folder"),
    ],
)
def test_settings_that_do_not_go_together(
    words: list[str], message: str, prepared: Path, tmp_path: Path, capfd: Any
) -> None:
    given = [part for word in words for part in ("--set", word)]
    done = package_process.call_verb(
        capfd, "pretrain", "--data", prepared, "--out", tmp_path / "run", *given
    )
    assert done.returncode == 2
    assert "pretrain.probes" in done.stderr and message in done.stderr


def test_a_broken_pair_is_named_by_its_line(prepared: Path, blimp: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(blimp.read_text("utf-8") + '{"sentence_good": "a"}\n', "utf-8")
    with pytest.raises(InputError, match=r"probes\.blimp: .*pairs\.jsonl:9: is no pair"):
        pretrain(config(prepared, tmp_path / "run", probes={"blimp": str(path)}))
