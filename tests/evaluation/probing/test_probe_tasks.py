"""Labelled sets are read as they are, and refused with file, line, setting and way out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.probing.tasks import ProbeTask, read_task

TWO = [{"text": f"{label} {n}", "label": label} for label in ("up", "down") for n in range(10)]


def written(folder: Path, train: Any, validation: Any = None) -> Path:
    folder.mkdir()
    for name, rows in (("train", train), ("validation", TWO if validation is None else validation)):
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    return folder


def read(folder: Path, rows: tuple[int, int] = (50, 50)) -> ProbeTask:
    return read_task("mood", folder, rows, 0, "probes.tasks.mood")


def test_a_sample_is_the_same_for_a_seed(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", TWO)
    some = read_task("mood", folder, (12, 7), 3)
    assert some == read_task("mood", folder, (12, 7), 3)
    assert (len(some.train), len(some.validation)) == (12, 7)
    assert some.train != read_task("mood", folder, (12, 7), 4).train
    assert len(read(folder).train) == len(TWO)
    assert "2 classes, the most frequent 50.0 %" in read(folder).describe()


def test_compressed_pairs_with_numbers_say_how_alike_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [{"text": "a b", "text_pair": "c", "label": float(n)} for n in range(3)]
    for split in ("train", "validation"):
        with gzip.open(folder / f"{split}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    task = read(folder)
    assert task.is_similarity
    assert [row.label for row in task.validation] == [0.0, 1.0, 2.0]


BROKEN = {
    "one class": ([{"text": "a", "label": "x"}] * 9, r"fewer than two classes.*\(x: 9\)"),
    "two rows of a class": (
        [*[{"text": "a", "label": "x"}] * 9, *[{"text": "b", "label": "y"}] * 2],
        r"fewer than two classes",
    ),
    "no text": ([TWO[0], {"sentence": "a", "label": "x"}], r"train\.jsonl:2: has no 'text'"),
    "blank text": ([TWO[0], {"text": " ", "label": "x"}], r"train\.jsonl:2: 'text' is empty"),
    "no label": ([{"text": "a"}], r"train\.jsonl:1: has no 'label'"),
    "a list as label": ([{"text": "a", "label": [1]}], r"train\.jsonl:1: the label \[1\] is no"),
    "no JSON": ("hello\n", r"train\.jsonl:1: is no JSON object"),
    "empty": ("", r"train\.jsonl: 0 rows"),
    "pairs and texts": (
        [*TWO, {"text": "a", "text_pair": "b", "label": "up"}],
        r"single texts and pairs in one set \(.*validation\.jsonl:1, .*train\.jsonl:21\)",
    ),
    "a number of a text": ([{"text": "a", "label": 1.5}] * 9, r"the label 1\.5 is no class"),
}  # fmt: skip


@pytest.mark.parametrize("rows, message", BROKEN.values(), ids=BROKEN)
def test_broken_sets_are_refused(rows: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"probes\.tasks\.mood: [\s\S]*{message}[\s\S]*→ \w"):
        read(written(tmp_path / "set", rows))


def test_missing_folders_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mood: .*none: no such folder"):
        read(tmp_path / "none")
    folder = written(tmp_path / "set", TWO)
    (folder / "validation.jsonl").unlink()
    with pytest.raises(InputError, match=r"set: no validation\.jsonl"):
        read(folder)
