"""What a model loses on changed texts, where it is known what it must lose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from package_process import call_verb
from tiny_problems import opinions

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perturbations import changes
from mlm_pretrain.finetune import FinetuneConfig, finetune, robustness
from mlm_pretrain.finetune.data import TaggedExample, TextExample
from mlm_pretrain.finetune.pairs import TextPair
from mlm_pretrain.finetune.questions import QuestionExample
from mlm_pretrain.finetune.robustness import perturbed

FAST: dict[str, Any] = {"learning_rate": 5e-3, "embedding_rate": 1.0, "precision": "fp32"}


def _finetuned(write: Any, model: str, out: Path) -> tuple[str, str]:
    """A folder, and a file of opinions it knows well."""
    train, validation = write("train.jsonl", opinions(160, 0)), write("v.jsonl", opinions(60, 1))
    paths = {"train": train, "validation": validation, "out": str(out)}
    result = finetune("sentiment", FinetuneConfig(model=model, epochs=5, **paths, **FAST))
    assert result["metrics"]["validation"]["accuracy"] > 0.95
    return str(out), validation


def test_case_is_nothing_to_an_uncased_tokenizer(write: Any, bert: str, tmp_path: Path) -> None:
    folder, data = _finetuned(write, bert, tmp_path / "out")
    found = robustness("sentiment", folder, data, typos=1.0)
    saved = json.loads((Path(folder) / "metrics.json").read_text())["validation"]
    assert found["clean"] == saved and found["examples"] == 60
    of_upper, of_typos = found["perturbed"]["upper"], found["perturbed"]["typos"]
    assert of_upper["scores"] == saved and of_upper["changed"] == 60
    assert (of_upper["difference"], of_upper["low"], of_upper["high"]) == (0, 0, 0)
    # Words it has never seen in pieces it does not know.
    assert of_typos["difference"] == of_typos["scores"]["accuracy"] - saved["accuracy"] < -0.1
    assert of_typos["low"] <= of_typos["difference"] <= of_typos["high"] < 0
    assert robustness("sentiment", folder, data, typos=1.0) == found
    none = robustness("sentiment", folder, data, typos=0.0)["perturbed"]["typos"]
    assert none["changed"] == 0 and none["scores"] == saved
    with pytest.raises(InputError, match=r"typos: 1.5 is no share"):
        robustness("sentiment", folder, data, typos=1.5)


def test_case_is_much_to_a_cased_one(
    write: Any, modernbert: str, tmp_path: Path, capfd: Any
) -> None:
    folder, data = _finetuned(write, modernbert, tmp_path / "out")
    out = tmp_path / "robustness.json"
    done = call_verb(capfd, "robustness", "sentiment", folder, "--data", data, "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    of_upper, of_lower = found["perturbed"]["upper"], found["perturbed"]["lower"]
    assert of_upper["high"] < 0 and of_upper["scores"]["loss"] > found["clean"]["loss"]
    assert of_lower["changed"] == 0 and of_lower["difference"] == 0  # the texts are small letters
    row = next(line for line in done.stdout.splitlines() if line.startswith("upper"))
    low, high = (f"{100 * of_upper[end]:+.1f}" for end in ("low", "high"))
    assert row.split()[1] == "60" and row.endswith(f"{low} to {high}")
    done = call_verb(
        capfd, "robustness", "sentiment", folder, "--data", data, "--out", tmp_path / "no" / "x"
    )
    assert done.returncode == 2 and "no such folder" in done.stderr


def test_answers_stay_true() -> None:
    made = changes(1.0, 0)
    tagged = TaggedExample(["Anna", "likes", "Oslo", "."], ["B-PER", "O", "B-LOC", "O"], "f:1")
    for change in made.values():
        found = perturbed(tagged, change, 0)
        assert len(found.tokens) == 4 and all(found.tokens) and found.tags == tagged.tags
    assert perturbed(tagged, made["upper"], 0).tokens == ["ANNA", "LIKES", "OSLO", "."]
    question = QuestionExample("1", "Which City?", "In Oslo.", [(3, "Oslo")], "f:1")
    for name, change in made.items():
        found = perturbed(question, change, 0)
        assert found.context == "In Oslo." and found.answers == question.answers
        assert (found.question != question.question) or name == "typos"
    pair = perturbed(
        TextExample("Same words here", "Same words here", "yes", "f:1"), made["typos"], 0
    )
    assert pair.text != pair.text_pair and pair.label == "yes"  # their typos are not the same
    written = perturbed(TextPair("Ein Haus", "A house", "f:1"), made["lower"], 0)
    assert (written.source, written.target) == ("ein haus", "A house")
