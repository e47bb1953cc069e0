"""What a run says of answers beside their scores."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_encoding import config_of
from tiny_problems import questions, wordpiece

from mlm_pretrain.evaluation.metrics.squad import overlaps
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.finetune.answer_analysis import analyse_answers, best_threshold
from mlm_pretrain.finetune.answering import Answering
from mlm_pretrain.finetune.questions import QuestionExample


def _rows(generator: random.Random, count: int) -> list[dict[str, Any]]:
    words = ["red", "blue", "green sea", ""]
    return [
        {
            "question": "in which year ?", "prediction": "",
            "answers": [a] if (a := generator.choice(words)) else [],
            "best_answer": generator.choice(words[:3]),
            "no_answer_margin": generator.choice((-2.0, -1.0, 0.0, 0.5, 3.0)),
        }
        for _ in range(count)
    ]  # fmt: skip


def _f1_at(rows: list[dict[str, Any]], threshold: float) -> float:
    found = ["" if r["no_answer_margin"] > threshold else r["best_answer"] for r in rows]
    return float(np.mean(overlaps(found, [row["answers"] for row in rows], 2)))


def test_no_threshold_is_better_than_the_one_found() -> None:
    for seed in range(200):
        rows = _rows(random.Random(seed), 1 + seed % 9)
        chosen = best_threshold(rows)
        tried = [-3.0, *(row["no_answer_margin"] for row in rows)]
        best = max(_f1_at(rows, threshold) for threshold in tried)
        assert _f1_at(rows, chosen) == pytest.approx(best), (seed, rows)


def test_groups_by_what_is_asked_and_how_long_the_answer_is() -> None:
    rows = [
        {"question": "In which year?", "answers": ["1900", "the year 1900"], "prediction": "1900"},
        {"question": "Who came?", "answers": ["a man of great learning, they say"], "prediction": "x"},
        {"question": "Whose is it, and who came?", "answers": ["Ann Lee"], "prediction": "Lee"},
    ]  # fmt: skip
    found = analyse_answers({"validation": rows}, 1)["validation"]
    assert {word: group["f1"] for word, group in found["by_question"].items()} == {
        "which": 1.0, "who": 0.0, "whose": pytest.approx(2 / 3),
    }  # fmt: skip
    sizes = {name: group["examples"] for name, group in found["by_answer_words"].items()}
    assert sizes == {"1": 1, "2": 1, "6 or more": 1}


def test_an_answer_that_two_windows_see_is_one_answer_with_its_higher_score() -> None:
    context = " ".join(["the cat"] * 9 + ["red"] + ["the dog"] * 12)
    example = QuestionExample("1", "what colour is it ?", context, [(72, "red")], "here")
    task = Answering(config_of(stride=8))
    task.learn([example])
    features = task.encode([example], wordpiece(), ("input_ids",), 32)
    seen = [f for f in features if f.labels[0] > 0]
    assert len(seen) == 2
    outputs = [np.zeros((2, len(feature)), np.float32) for feature in features]
    for score, feature in zip((4.0, 6.0), seen, strict=True):
        outputs[features.index(feature)][:, feature.labels[0]] = score
    [row] = task.decode([example], features, outputs)
    assert row["prediction"] == "red"
    texts = [choice["text"] for choice in row["n_best"]]
    assert texts.count("red") == 1 and len(set(texts)) == len(texts)
    assert row["n_best"][0]["score"] == 12.0


def test_a_run_writes_its_threshold(write: Any, bert: str, tmp_path: Path) -> None:
    files = {
        name: write(f"{name}.jsonl", questions(48, seed, silent=True))
        for seed, name in enumerate(("train", "validation", "test"))
    }
    config = FinetuneConfig(
        model=bert, **files, out=str(tmp_path / "out"), epochs=1, precision="fp32"
    )
    result = finetune("qa", config)
    found = json.loads((tmp_path / "out" / "analysis.json").read_text())
    threshold = found["best_null_threshold"]
    chosen = found["validation"]["no_answer"]["f1"]
    assert chosen >= result["metrics"]["validation"]["f1"]
    again = finetune("qa", config.model_copy(update={"null_threshold": threshold}), overwrite=True)
    for split in ("validation", "test"):
        assert again["metrics"][split]["f1"] == pytest.approx(found[split]["no_answer"]["f1"])
