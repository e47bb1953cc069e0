"""Minimal pairs: which sentence is preferred, by paradigm and field, and what is no pair."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.blimp import blimp_scores
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.minimal_pairs import Pair, pair_likelihoods, preference, read_pairs
from mlm_pretrain.evaluation.perplexity import load_for_evaluation
from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def _row(paradigm: str, good: str, bad: str, **more: str) -> dict[str, Any]:
    return {"UID": paradigm, "sentence_good": good, "sentence_bad": bad, **more}


def test_pairs_are_read_from_a_file_or_a_folder_of_them(tmp_path: Path) -> None:
    rows = [_row("a", "x y", "y x", field="syntax"), _row("a", "same", "same"), _row("a", "u", "v")]
    _write(tmp_path / "a.jsonl.gz", rows)
    (tmp_path / "b.jsonl").write_text(json.dumps(_row("b", "p", "q", field="syntax/semantics")))
    assert read_pairs(tmp_path / "a.jsonl.gz", 1) == [Pair("a", "syntax", "x y", "y x")]
    names = [(pair.paradigm, pair.field, pair.good) for pair in read_pairs(tmp_path)]
    assert names == [("a", "syntax", "x y"), ("a", "", "u"), ("b", "syntax_semantics", "p")]


def test_what_is_no_pair_is_named_by_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl.gz", [_row("a", "x", "y"), {"sentence_good": "x"}])
    with pytest.raises(InputError, match=r"a\.jsonl\.gz:2: is no pair\n.*sentence_bad"):
        read_pairs(path)
    with pytest.raises(InputError, match="no pairs"):
        read_pairs(_write(tmp_path / "none.jsonl.gz", []))


def test_a_score_is_the_mean_of_paradigms_and_a_tie_counts_half() -> None:
    pairs = [Pair(p, f, "", "") for p, f in [("a", "x"), ("a", "x"), ("b", "x"), ("c", "y")]]
    found = preference(pairs, [(-1.0, -2.0), (-2.0, -1.0), (-3.0, -3.0), (-1.0, -9.0)])
    assert found["paradigms"] == {"a": 50.0, "b": 50.0, "c": 100.0}
    assert found["fields"] == {"x": 50.0, "y": 100.0}
    assert found["accuracy"] == pytest.approx(200 / 3)


def test_the_error_is_that_of_drawing_other_pairs() -> None:
    """Three paradigms of 50 pairs, drawn again 2,000 times."""
    generator = np.random.default_rng(0)
    chances = np.array([0.5, 0.7, 0.9])
    pairs = [Pair(str(p), "", "", "") for p in range(3) for _ in range(50)]
    drawn = (generator.random((2_000, 3, 50)) < chances[:, None]).astype(float)
    spread = (100 * drawn.mean(2)).mean(1).std()
    scores = [(float(point), 0.5) for point in drawn[0].flatten()]
    assert preference(pairs, scores)["error"] == pytest.approx(spread, rel=0.1)


def test_a_model_prefers_what_it_finds_likelier(tiny_model: Path) -> None:
    sentences = ["returns the value", "value the returns", "an array of values", "array values of"]
    network, tokenizer, objective = load_for_evaluation(str(tiny_model))
    scores = sentence_scores(network, tokenizer, sentences, objective.is_causal)
    best, worst = (sentences[i] for i in (int(np.argmax(scores)), int(np.argmin(scores))))
    pairs = [Pair("a", "", best, worst), Pair("a", "", best, worst), Pair("b", "", worst, best)]
    assert pair_likelihoods(tiny_model, pairs)[0] == pytest.approx((max(scores), min(scores)))
    found = blimp_scores(tiny_model, pairs)
    assert list(found) == ["masked"]
    assert found["masked"]["paradigms"] == {"a": 100.0, "b": 0.0}
