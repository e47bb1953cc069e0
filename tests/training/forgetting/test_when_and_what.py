"""After which steps is measured, what that costs, and which words are hidden for whom."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from mlm_pretrain.evaluation.perplexity import load_for_evaluation
from mlm_pretrain.evaluation.texts import EvaluationRows, open_rows
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.forgetting.ledger import Ledger
from mlm_pretrain.training.forgetting.plan import (
    Work,
    clock_plan,
    fitting_rows,
    looks_wanted,
    step_plan,
)
from mlm_pretrain.training.forgetting.rows import some_of
from mlm_pretrain.training.forgetting.words import hidden_words
from mlm_pretrain.training.probing.pace import Moment


def steps_measured(config: GuardConfig, work: Work) -> list[int]:
    plan, moments = step_plan(config, work), range(1, work.steps + 1)
    due = [n for n in moments if plan.is_due(Moment(n, n / work.steps, 0.0), n == work.steps)]
    return [0, *due]


@pytest.mark.parametrize("steps", [100, 1_000, 100_000])
@pytest.mark.parametrize("asked", [{}, {"times": 40}, {"every_steps": 7}])
def test_it_keeps_to_its_share_of_the_work(steps: int, asked: dict[str, Any]) -> None:
    config = GuardConfig(data="x", **asked)
    a_step, texts = 32, 2
    work = Work(steps, a_step, config.rows * texts)
    count = fitting_rows(config.rows, texts, work, config.budget_share)
    found = steps_measured(config, work._replace(rows=count * texts))
    assert found[0] == 0 and found[-1] == steps
    scored = len(found) * count * texts / 3
    assert scored <= 0.03 * steps * a_step * 1.02 + count * texts / 3
    assert len(found) >= (5 if steps > 100 else 3)  # early enough to act, also in a short run
    if steps == 100_000:  # as often as was asked for, where it may
        assert count == config.rows
        assert len(found) == {None: 11, 40: 41, 7: 560}[next(iter(asked.values()), None)]


@pytest.mark.parametrize(
    ("asked", "looks"),
    [({}, 5), ({"times": 1}, 2), ({"every_steps": 50}, 3), ({"every_steps": 1}, 5)],
)
def test_rows_are_given_up_for_no_more_looks_than_are_asked_for(
    asked: dict[str, int], looks: int
) -> None:
    assert looks_wanted(GuardConfig(data="x", **asked), 100) == looks


def test_without_a_limit_every_step_may_be_measured() -> None:
    config = GuardConfig(data="x", every_steps=1, budget_share=1.0)
    assert steps_measured(config, Work(9, 1, 1_000)) == list(range(10))


def test_a_run_by_minutes_keeps_to_its_share_of_the_time() -> None:
    pace = clock_plan(GuardConfig(data="x", times=5))
    taken, elapsed = 0, 0.0
    for step in range(1_000):
        moment = Moment(step, min(1.0, elapsed / 600), elapsed, 600.0)
        if step == 0 or pace.is_due(moment):
            pace.note(moment, 2.0)
            taken, elapsed = taken + 1, elapsed + 2.0
        elapsed += 0.6
    assert taken == 5 and 2.0 * taken <= 0.03 * 600  # and one is left for the last step


@pytest.mark.parametrize("from_lowest", [False, True])
def test_a_fresh_head_is_compared_with_the_lowest_loss_so_far(from_lowest: bool) -> None:
    """Also after a checkpoint; any other run with the first one."""
    config = GuardConfig(data="x", tolerance=0.04)
    ledger = Ledger(config, from_lowest)
    for step, loss in ((0, 10.0), (4, 6.0)):
        ledger.note(step, {"general": loss}, 1.0)
    resumed = Ledger(config, from_lowest)
    resumed.restore(json.loads(json.dumps(ledger.facts())))
    measure = resumed.note(8, {"general": 6.3}, 1.0)
    assert measure["rise"] == pytest.approx(0.05 if from_lowest else -0.37)
    assert measure["against_step"] == (4 if from_lowest else 0)
    assert resumed.is_within(measure) != from_lowest
    assert resumed.kept_step == (4 if from_lowest else 8)
    told = resumed.result(8, 60.0)
    assert (told["general_before"], told["general_after"]) == (10.0, 6.3)
    assert told["share_of_time"] == 0.05


def test_some_rows_are_spread_over_all() -> None:
    rows = EvaluationRows([{"input_ids": [n]} for n in range(100)], "validation", 8, 1_000)
    found = some_of(rows, 5)
    assert [found.example(n)["input_ids"] for n in range(5)] == [[0], [25], [50], [74], [99]]
    assert found.text_bytes == 50 and len(some_of(rows, 1_000)) == 100


def test_the_same_words_are_hidden_from_both_vocabularies(general: Path, knowing: Path) -> None:
    """Counted by hand: of the old one all pieces of a hidden token, of no other; whole words alone."""
    tokenizer = AutoTokenizer.from_pretrained(knowing)
    vocabulary = read_vocabulary(tokenizer)
    model, _, objective = load_for_evaluation(knowing)
    rows = some_of(open_rows(general, tokenizer, model.config, None), 12)
    pieces = {n: [40, 41, 42] for n in range(1_000, 2_000)}
    found = hidden_words(rows, pieces, objective, vocabulary)
    again = hidden_words(rows, pieces, objective, vocabulary)
    assert all(
        np.array_equal(a.is_hidden_T, b.is_hidden_T)
        for a, b in zip(found.segments, again.segments, strict=True)
    )
    share = sum(s.is_hidden_T.sum() for s in found.segments) / sum(
        (~vocabulary.special_V[s.ids_T]).sum() for s in found.segments
    )
    assert share == pytest.approx(0.15, abs=0.04)
    size = 0
    for new in found.segments:
        words = np.cumsum(vocabulary.word_starts(new.ids_T))
        for word in np.unique(words):
            assert len(set(new.is_hidden_T[words == word])) == 1
        old = found._in_pieces(new)
        assert len(old.ids_T) <= rows.max_length
        at = 0
        for token, is_hidden in zip(new.ids_T.tolist(), new.is_hidden_T.tolist(), strict=True):
            expected = pieces.get(token, [token])
            part = slice(at, at + len(expected))
            assert old.ids_T[part].tolist() == expected
            assert set(old.is_hidden_T[part]) == {is_hidden}
            at += len(expected)
            size += len(vocabulary.texts_V[token].encode()) * is_hidden
        assert at == len(old.ids_T)
    assert found.bytes == size > 0


@pytest.mark.parametrize("is_old", [False, True])
def test_bits_are_nats_of_the_hidden_words_over_their_bytes(
    is_old: bool, general: Path, knowing: Path
) -> None:
    """By the model's own scores, a segment at a time."""
    tokenizer = AutoTokenizer.from_pretrained(knowing)
    vocabulary = read_vocabulary(tokenizer)
    model, _, objective = load_for_evaluation(knowing)
    rows = some_of(open_rows(general, tokenizer, model.config, None), 6)
    pieces = {n: [40, 41] for n in range(1_500, 2_000)}
    words = hidden_words(rows, pieces, objective, vocabulary)
    nats = 0.0
    for one in words.segments:
        ids_T, is_hidden_T = words._in_pieces(one) if is_old else one
        seen = torch.tensor(np.where(is_hidden_T, vocabulary.mask_id, ids_T))[None]
        with torch.no_grad():
            logs = model(input_ids=seen).logits[0].log_softmax(-1)
        nats -= float(logs[np.arange(len(ids_T)), ids_T][is_hidden_T].sum())
    found = words.bits(model, is_old, "fp32", 4)
    assert found == pytest.approx(nats / math.log(2) / words.bytes, rel=1e-5)
    assert OBJECTIVES["mlm"] is objective
