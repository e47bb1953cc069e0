"""Models are judged by what they were given, and by nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.probes import SENTENCES, blimp_accuracy, guesses, mean_score
from mlm_pretrain.evaluation.perplexity import load_for_evaluation
from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def test_blimp_is_the_mean_of_its_paradigms(tiny_model: Path, tmp_path: Path) -> None:
    sentences = ["returns the value", "value the returns", "an array of values", "array values of"]
    network, tokenizer, objective = load_for_evaluation(str(tiny_model))
    scores = sentence_scores(network, tokenizer, sentences, objective.is_causal)
    right, wrong = (sentences[i] for i in (scores.index(max(scores)), scores.index(min(scores))))
    pairs = [("a", right, wrong), ("a", right, wrong), ("a", wrong, right), ("b", wrong, right)]
    rows = [{"UID": u, "sentence_good": good, "sentence_bad": bad} for u, good, bad in pairs]
    path = write_lines(tmp_path / "blimp.jsonl.gz", rows)
    found = blimp_accuracy(str(tiny_model), path, pairs_a_paradigm=3)
    assert found["paradigms"] == pytest.approx({"a": 200 / 3, "b": 0})
    assert found["accuracy"] == pytest.approx(100 / 3)
    assert blimp_accuracy(str(tiny_model), path, pairs_a_paradigm=1)["accuracy"] == 50
    assert guesses(str(tiny_model)).keys() == set(SENTENCES)


def test_a_task_is_scored_on_either_split(tiny_model: Path, tmp_path: Path) -> None:
    rows = [{"text": f"{word} of it", "label": word} for word in ("returns", "raises")] * 24
    write_lines(tmp_path / "trec" / "train.jsonl.gz", rows)
    write_lines(tmp_path / "trec" / "validation.jsonl.gz", rows)
    swapped = [{**row, "label": {"returns": "raises"}.get(row["label"], "returns")} for row in rows]
    write_lines(tmp_path / "trec" / "test.jsonl.gz", swapped)
    found = mean_score(str(tiny_model), tmp_path, "trec", labels=48, seeds=2, epochs=15)
    assert [score["validation"] + score["test"] for score in found["scores"]] == [100, 100]
    assert found["validation"] > 50 > found["test"]
