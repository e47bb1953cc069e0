"""How a person names a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_problems import mentions

from mlm_pretrain.compare import LabelledTask, parse_task, scored_metric
from mlm_pretrain.compare.tasks import runnable_tasks
from mlm_pretrain.errors import InputError


def _touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("")
    return folder


def test_a_folder_gives_its_files(tmp_path: Path) -> None:
    folder = _touch(tmp_path / "cola", "train.jsonl.gz", "dev.tsv", "notes.md")
    task = parse_task(f"sentiment:{folder}")
    assert (task.name, task.kind, task.scored_split) == ("cola", "sentiment", "validation")
    assert task.settings == {
        "train": str(folder / "train.jsonl.gz"),
        "validation": str(folder / "dev.tsv"),
    }
    _touch(folder, "test.csv")
    assert parse_task(f"sentiment:{folder}").scored_split == "test"


def test_a_file_gives_settings_without_those_a_comparison_sets(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("model: m\nout: o\nseed: 3\ntrain: a.csv\nvalidation: b.csv\nepochs: 4\n")
    task = parse_task(f"ner:{path}")
    assert task.settings == {"train": "a.csv", "validation": "b.csv", "epochs": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sst2", "--task sst2: names no task\n.*KIND:FOLDER"),
        ("sentimental:sst2", "names no task\n.*sentiment, .*ner, qa"),
        ("sentiment:nowhere", "nowhere is no folder"),
    ],
)
def test_what_names_no_task_is_told_how_to(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_task(text)


def test_options_may_come_before_the_models() -> None:
    from mlm_pretrain.__main__ import spread_lists

    given = ["compare", "--task", "ner:x", "qa:y", "A", "B", "--seeds", "3"]
    spread = ["compare", "--task", "ner:x", "--task", "qa:y", "A", "B", "--seeds", "3"]
    assert spread_lists(given) == spread


def test_a_folder_without_a_split_is_told_its_name(tmp_path: Path) -> None:
    folder = _touch(tmp_path / "half", "train.jsonl")
    with pytest.raises(InputError, match=r"no validation file\n.*validation\.jsonl"):
        parse_task(f"sentiment:{folder}")


@pytest.mark.parametrize(("scheme", "metric"), [("auto", "f1"), ("plain", "accuracy")])
def test_which_score_counts_the_training_file_decides(
    scheme: str, metric: str, tmp_path: Path
) -> None:
    for split in ("train", "validation"):
        lines = [json.dumps(row) for row in mentions(12, 0)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))
    task = parse_task(f"ner:{tmp_path}").over({"tag_scheme": scheme})
    assert scored_metric(task, "any-model") == metric


def test_one_example_to_score_is_found_out_before_any_run(tmp_path: Path) -> None:
    settings = {}
    for split, count in {"train": 20, "validation": 8, "test": 1}.items():
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in mentions(count, count)))
        settings[split] = str(path)
    task = LabelledTask("names", "ner", settings)
    with pytest.raises(InputError, match=r"test.jsonl: 1 example, which says nothing of others"):
        runnable_tasks("compare", "a", [task], 2, {})
    del settings["test"]
    assert runnable_tasks("compare", "a", [task], 2, {}) == [task]


def test_a_task_is_called_as_its_folder_is_however_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs would lie outside of the output folder if it were called `..`."""
    (tmp_path / "films" / "inner").mkdir(parents=True)
    for split in ("train", "validation"):
        (tmp_path / "films" / f"{split}.jsonl").write_text('{"text": "a", "label": 1}\n')
    for place, given in (
        ("films", "."),
        ("films/inner", ".."),
        ("films", "inner/.."),
        ("", "films/"),
    ):
        monkeypatch.chdir(tmp_path / place)
        assert parse_task(f"sentiment:{given}").name == "films"
