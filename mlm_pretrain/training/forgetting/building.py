"""Reads what a run is guarded by, and refuses what cannot work before its first step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.texts import EvaluationRows, open_rows
from mlm_pretrain.extension import read_extension
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.modeling.build import continued_model, lacked_weights
from mlm_pretrain.modeling.sizes import check_length
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.forgetting.guard import ACROSS, Guard, Paid
from mlm_pretrain.training.forgetting.measure import DOMAIN, GENERAL, Measure, can_be_measured
from mlm_pretrain.training.forgetting.plan import (
    StepPlan,
    Work,
    clock_plan,
    fitting_rows,
    looks_wanted,
    step_plan,
)
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.probing.config import NO_LIMIT
from mlm_pretrain.training.probing.pace import Pace
from mlm_pretrain.training.same_tokenizer import require_same_tokenizer

_SETTING = "guard"
_MOST_ROWS_AT_ONCE = 32


def build_guard(
    config: PretrainConfig,
    objective: Objective,
    tokenizer: Any,
    vocabulary: Vocabulary,
    model: Any,
    budget: Budget,
) -> Guard | None:
    """All that `config.guard` asks for, ready to measure `model` again and again; None where it asks nothing.

    Raises:
        InputError: for general text of another tokenizer, that is damaged, too long for the model, or the
            very rows that are replayed; for an objective whose model predicts no tokens.
    """
    guard = config.guard
    if guard is None:
        return None
    if not can_be_measured(objective):
        raise InputError(
            f"{_SETTING}: {objective.name} trains a model that predicts no tokens of a text",
            "leave it out; probes can look after such a model",
        )
    require_same_tokenizer(guard.data, tokenizer, f"{_SETTING}.data")
    texts = {GENERAL: open_rows(guard.data, tokenizer, model.config, None)}
    _refuse_replayed(config, texts[GENERAL])
    check_length(model.config, texts[GENERAL].max_length)
    if read_manifest(config.data, "prepare").counts.get("validation", {}).get("rows"):
        texts[DOMAIN] = open_rows(config.data, tokenizer, model.config, None)
    extension = read_extension(Path(config.data) / "tokenizer")
    pieces = extension.pieces if extension is not None else {}
    count, plan = _planned(config, texts, budget, ACROSS if pieces else 0)
    served = OBJECTIVES[objective.served[0]]
    measure = Measure(
        texts, count, served, vocabulary, config.precision,
        min(_MOST_ROWS_AT_ONCE, config.batch_size),
    )  # fmt: skip
    content = read_manifest(guard.data, "prepare").content_hash
    is_fresh = objective.trains_head and bool(lacked_weights(model))
    checkpoint = None
    if pieces and config.init is not None:
        longest = max(rows.max_length for rows in texts.values())
        checkpoint = partial(_checkpoint, config, objective, longest)
    return Guard(measure, plan, content, is_fresh, pieces, checkpoint, _paid(guard, budget))


def _planned(
    config: PretrainConfig, texts: dict[str, EvaluationRows], budget: Budget, others: int
) -> tuple[int, StepPlan | Pace]:
    """Rows of each text, and when they are scored. In a run by minutes the rows are all that are asked for,
    until it is known how long they take."""
    guard = config.guard
    assert guard is not None
    if budget.steps is None:
        return guard.rows, clock_plan(guard)
    a_step = config.batch_size * config.accumulation * process_count()
    asked = sum(min(guard.rows, len(rows)) for rows in texts.values())
    work, looks = Work(budget.steps, a_step, asked, others), looks_wanted(guard, budget.steps)
    count = fitting_rows(guard.rows, len(texts), work, guard.budget_share, looks)
    shown = sum(min(count, len(rows)) for rows in texts.values())
    return count, step_plan(guard, work._replace(rows=shown))


def _paid(guard: GuardConfig, budget: Budget) -> Paid | None:
    """What a run by minutes has for it; None without a limit."""
    if budget.seconds is None or guard.budget_share >= NO_LIMIT:
        return None
    return Paid(guard.budget_share * budget.seconds, looks_wanted(guard, None))


def _checkpoint(config: PretrainConfig, objective: Objective, max_length: int) -> Any:
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(
        config.init, revision=config.revision or "main", trust_remote_code=False
    )
    return continued_model(
        str(config.init), objective.auto_class, own, max_length, config.seed, config.revision,
        objective.family_classes,
    )  # fmt: skip


def _refuse_replayed(config: PretrainConfig, rows: EvaluationRows) -> None:
    """Rows that the run learns from say nothing about what it forgets."""
    if config.replay is None or config.guard is None or rows.split != "train":
        return
    hashes = {
        read_manifest(data, "prepare").content_hash
        for data in (config.guard.data, config.replay.data)
    }
    if len(hashes) == 1:
        raise InputError(
            f"{_SETTING}.data: {config.guard.data}: has no validation split, and its rows are replayed",
            "prepare it with a validation_share, or measure other general text",
        )
