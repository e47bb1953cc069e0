"""What cannot be answered is said before anything is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answers import SETTINGS
from made_up import variants

from mlm_pretrain.compare import parse_task
from mlm_pretrain.errors import InputError
from mlm_pretrain.worth import Variant, worth

_BASE, _ADAPTED = variants("a")
_CASES: list[tuple[list[Variant], dict[str, Any], str]] = [
    ([_BASE], {}, "no variant is adapted"),
    ([_ADAPTED], {}, "0 variants are the base"),
    ([_BASE, _BASE, _ADAPTED], {}, "two variants are called base"),
    ([_BASE, Variant("a", "m", "wrong")], {}, "a: no role 'wrong'\n.*base, adapted, control"),  # type: ignore[arg-type]
    ([_BASE, Variant("a", "m", cost={"hours": 1})], {}, "a: no cost 'hours'\n.*seconds, tokens"),
    ([_BASE, Variant("a", "m", cost={"seconds": -1})], {}, "a: seconds of -1"),
    ([_BASE, _ADAPTED], {"seeds": 1}, "seeds: 1, but one run tells nothing"),
    ([_BASE, _ADAPTED], {"label_counts": [16, 32]}, "opinions has 32 labels, so its score with 32"),
    ([_BASE, _ADAPTED], {"forgotten": {"b": {}}}, "forgotten: no variant b\n.*base, a"),
    ([_BASE, _ADAPTED], {"forgotten": {"a": {"x": {"before": 1.0}}}}, "forgotten: a: x: 'after'"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "more", "message"), _CASES)
def test_it_is_refused(
    given: list[Variant], more: dict[str, Any], message: str, task_folder: Path, tmp_path: Path
) -> None:
    task = parse_task(f"sentiment:{task_folder}")
    with pytest.raises(InputError, match=message):
        worth(given, [task], tmp_path / "out", settings=SETTINGS, **more)
    assert not (tmp_path / "out").exists()


def test_without_a_task() -> None:
    with pytest.raises(InputError, match="no task"):
        worth([_BASE, _ADAPTED], [], "out")


def test_a_model_that_is_not_there_is_found_before_the_first_run(
    three: list[Variant], task_folder: Path, tmp_path: Path
) -> None:
    task, lost = parse_task(f"sentiment:{task_folder}"), tmp_path / "nowhere"
    with pytest.raises(InputError, match="nowhere"):
        worth([three[0], Variant("a", str(lost))], [task], tmp_path / "out", 2, SETTINGS)
    assert not list((tmp_path / "out").rglob("*.json*"))
