"""What cannot be evaluated is refused, and before the work where that can be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.modeling.build import new_model


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("a text of some words that is evaluated\n" * 3, encoding="utf-8")
    return path


def test_data_of_another_tokenizer_is_refused(roberta_model: Path, prepared: Path) -> None:
    with pytest.raises(InputError, match=f"{prepared}: was prepared with another tokenizer"):
        evaluate(roberta_model, prepared)


def test_a_fine_tuned_model_is_refused(masked_model: Path, prepared: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = Path(shutil.copytree(masked_model, tmp_path / "fine-tuned"))
    AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(
        InputError, match=r"ForSequenceClassification has no language-modelling head"
    ):
        evaluate(folder, prepared)


def test_a_head_of_random_weights_is_refused(
    masked_model: Path, prepared: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(masked_model, tmp_path / "headless"))
    weights = load_file(folder / "model.safetensors")
    del weights["head.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 tensors, for example head\.dense\.weight"):
        evaluate(folder, prepared)


def test_an_output_folder_that_cannot_be_is_refused_before_the_work(
    prepared: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match=r"file/scores: cannot be made \(Not a directory\)"):
        evaluate("no such model", prepared, out=tmp_path / "file" / "scores")


def test_a_limit_stops_the_reading(roberta_model: Path, tmp_path: Path) -> None:
    """The second line would be refused, but two windows are full before it."""
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"text": "one and two " * 200}) + "\nnot json\n", "utf-8")
    assert evaluate(roberta_model, path, limit_rows=2)["rows"] == 2
    with pytest.raises(InputError, match=r"texts\.jsonl:2"):
        evaluate(roberta_model, path)


@pytest.mark.parametrize("missing", ["tokenizer", "weights", "everything"])
def test_half_a_model_is_refused(
    masked_model: Path, prepared: Path, tmp_path: Path, missing: str
) -> None:
    folder = tmp_path / "half"
    if missing != "everything":
        shutil.copytree(masked_model, folder)
    for path in folder.glob("*token*" if missing == "tokenizer" else "*.safetensors"):
        path.unlink()
    says = "no tokenizer could be loaded" if missing == "tokenizer" else "cannot be read"
    with pytest.raises(InputError, match=f"--model {folder}: {says}"):
        evaluate(folder, prepared)


def test_a_model_without_its_tokenizer_is_refused(
    tokenizer_folders: dict[str, Path], text_file: Path, tmp_path: Path
) -> None:
    """For some architectures the library makes up a tokenizer of five special tokens."""
    from transformers import AutoTokenizer

    folder = tmp_path / "bert"
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])
    new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, seed=0).save_pretrained(folder)
    with pytest.raises(InputError, match=f"--model {folder}: holds no tokenizer"):
        evaluate(folder, text_file)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 128}, "128 > 64"),
        ({"max_length": 2}, "--max-length 2: leaves no room"),
        ({"mask_ratio": 1.5}, "--mask-ratio: 'ratio': Input should be less than 1"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"limit_rows": 0}, "nothing to evaluate"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    roberta_model: Path, text_file: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(roberta_model, text_file, **settings)
