"""A saved folder is scored as its own run scored it, or is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_problems import mentions, opinions, praise, questions, subjects
from written_problems import save_writer, translations

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, score_folder


def silent(count: int, seed: int) -> list[dict[str, Any]]:
    return questions(count, seed, silent=True)


def lopsided(count: int, seed: int) -> list[dict[str, Any]]:
    """Twelve labels, which as text are in another order than as numbers, most of them rare."""
    return [{**row, "label": max(0, n % 60 - 48)} for n, row in enumerate(opinions(count, seed))]


# task: rows of its problem, settings
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sentiment": (lopsided, {"class_weights": "balanced", "max_length": 12}),
    "multilabel": (subjects, {}),
    "regression": (praise, {}),
    "ner": (mentions, {"max_length": 12, "precision": "fp32"}),
    "qa": (silent, {"max_length": 16, "null_threshold": -0.1}),
    "translation": (translations, {"prefix": "see: ", "num_beams": 2, "max_new_tokens": 9}),
}


@pytest.mark.parametrize("task", list(KINDS))
def test_scores_are_those_of_the_run(task: str, write: Any, bert: str, tmp_path: Path) -> None:
    rows, settings = KINDS[task]
    model = save_writer(tmp_path / "writer", "t5") if task == "translation" else bert
    paths = {
        split: write(f"{split}.jsonl", rows(count, seed))
        for seed, (split, count) in enumerate({"train": 60, "validation": 50, "test": 45}.items())
    }
    given = {"steps": 4, "learning_rate": 3e-3, "adapt": "full", **settings}
    config = FinetuneConfig(model=model, out=str(tmp_path / "out"), **paths, **given)
    finetune(task, config)
    # The folder works wherever it lies, and without the model it began with.
    folder = shutil.move(config.out, tmp_path / "moved")
    saved = json.loads((folder / "metrics.json").read_text())
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    for split in ("validation", "test"):
        found = score_folder(task, folder, paths[split])
        assert found["metrics"] == saved[split]
        lines = (folder / f"predictions_{split}.jsonl").read_text().splitlines()
        assert json.loads(json.dumps(found["predictions"])) == [json.loads(line) for line in lines]
    assert {path: path.read_bytes() for path in folder.iterdir()} == kept


def test_what_cannot_be_scored_is_refused(write: Any, bert: str, tmp_path: Path) -> None:
    train, validation = write("train.jsonl", opinions(40, 0)), write("v.jsonl", opinions(20, 1))
    out = str(tmp_path / "out")
    config = FinetuneConfig(model=bert, train=train, validation=validation, out=out, steps=1)
    finetune("sentiment", config)
    assert score_folder("sentiment", out, validation)["best_by"] == "accuracy"
    moved = shutil.move(train, tmp_path / "elsewhere.jsonl")
    with pytest.raises(InputError, match=r"train.jsonl: is not there.*\n.*--train FILE"):
        score_folder("sentiment", out, validation)
    assert score_folder("sentiment", out, validation, train=str(moved))["metrics"]
    write("train.jsonl", opinions(41, 0))
    with pytest.raises(InputError, match=r"is not the file that .* was trained on"):
        score_folder("sentiment", out, validation)
    shutil.move(moved, train)
    with pytest.raises(InputError, match="its labels are"):
        score_folder("regression", out, validation)
    with pytest.raises(InputError, match=r"labels that .* does not have: new"):
        score_folder("sentiment", out, write("other.jsonl", [{"text": "a", "label": "new"}]))
    bare = config.model_copy(update={"out": str(tmp_path / "bare"), "save_model": False})
    finetune("sentiment", bare)
    with pytest.raises(InputError, match="its run kept no model"):
        score_folder("sentiment", bare.out, validation)
    with pytest.raises(InputError, match=r"no manifest.json, so `finetune` did not finish"):
        score_folder("sentiment", bert, validation)


def test_a_file_is_scored_whole_and_found_below_the_home_folder(
    write: Any, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own record has ~ for home, and its validation scores are of some of the rows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = {
        split: write(f"{split}.jsonl", opinions(count, count))
        for split, count in {"train": 60, "validation": 50, "test": 45}.items()
    }
    out = tmp_path / "out"
    config = FinetuneConfig(
        model=bert, out=str(out), **paths, steps=4, learning_rate=3e-3, max_validation_examples=20
    )
    finetune("sentiment", config)
    assert json.loads((out / "manifest.json").read_text())["config"]["train"].startswith("~")
    saved = json.loads((out / "metrics.json").read_text())
    assert score_folder("sentiment", out, paths["test"])["metrics"] == saved["test"]
    assert len(score_folder("sentiment", out, paths["validation"])["predictions"]) == 50
