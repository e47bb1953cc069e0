"""Reads what a run is to be probed by, and refuses what cannot work before its first step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.minimal_pairs import Pair, read_pairs
from mlm_pretrain.evaluation.perplexity import autocast_for
from mlm_pretrain.evaluation.probing.grammar import sample_pairs
from mlm_pretrain.evaluation.probing.shape import (
    FEWEST_TEXTS,
    SHAPE_NAMES,
    Halves,
    encode_halves,
)
from mlm_pretrain.evaluation.probing.suite import Suite, encode_task, score_names
from mlm_pretrain.evaluation.probing.tasks import ProbeTask, read_task
from mlm_pretrain.evaluation.probing.vectors import LONGEST_TOKENS, room_for_text
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.precision import Precision
from mlm_pretrain.progress import say
from mlm_pretrain.training.probing.config import ProbesConfig

_SETTING = "probes"
_SCORING = ("mlm", "clm")  # objectives whose models say how likely a sentence is


class ProbeInputs(NamedTuple):
    """What was read, before there is a model to ask."""

    tasks: list[ProbeTask]
    pairs: list[Pair]


def read_inputs(config: ProbesConfig, objective: Objective) -> ProbeInputs:
    """Labelled sets and minimal pairs.

    Raises:
        InputError: naming the setting, file and line, for sets or pairs that are missing or malformed,
            minimal pairs for a model that cannot score sentences, and a `keep_best` that is no score here.
    """
    if config.blimp is not None:
        _require_scoring(objective)
    pairs = [] if config.blimp is None else _pairs(config.blimp, config)
    tasks = [
        read_task(
            name, folder, (config.rows, config.validation_rows), config.seed,
            f"{_SETTING}.tasks.{name}",
        )
        for name, folder in config.tasks.items()
    ]  # fmt: skip
    known = score_names(tasks, bool(pairs))
    if config.keep_best is not None and config.keep_best not in known:
        hint = (
            f"{config.keep_best} says whether vectors collapse, not which are better; "
            if config.keep_best in SHAPE_NAMES
            else ""
        )
        raise InputError(
            f"{_SETTING}.keep_best: {config.keep_best} is no score to choose by",
            f"{hint}known here: {', '.join(known)}",
        )
    return ProbeInputs(tasks, pairs)


def _require_scoring(objective: Objective) -> None:
    is_scoring = objective.served[0] in _SCORING and objective.trains_head
    if not is_scoring or objective.figures is not None:
        raise InputError(
            f"{_SETTING}.blimp: {objective.name} trains no head that says how likely a sentence is",
            "leave blimp out: tasks and the shape of the vectors can be probed all the same",
        )


def _pairs(path: str, config: ProbesConfig) -> list[Pair]:
    try:
        pairs = read_pairs(path)
    except InputError as error:
        raise InputError(f"{_SETTING}.blimp: {error.problem}", error.way_out) from None
    return sample_pairs(pairs, config.pairs, config.seed)


def build_suite(
    config: ProbesConfig,
    objective: Objective,
    data: str,
    tokenizer: Any,
    model: Any,
    precision: Precision,
) -> Suite:
    """All that `config` asks, ready to be asked of `model` again and again.

    Args:
        data: the run's prepared data.

    Raises:
        InputError: as `read_inputs`; and for texts that are too short, or sentences longer than the model.
    """
    tasks, pairs = read_inputs(config, objective)
    if process_rank() == 0:
        for line in [*(task.describe() for task in tasks), *_described(pairs)]:
            say(f"{_SETTING}: {line}")
    room = room_for_text(model.config)
    longest = min(LONGEST_TOKENS, room or LONGEST_TOKENS)
    if room is not None:
        _require_room(pairs, tokenizer, room)
    served = OBJECTIVES.get(objective.served[0], objective)
    return Suite(
        tokenizer=tokenizer,
        tasks=[encode_task(task, tokenizer, longest) for task in tasks],
        pairs=pairs,
        halves=_halves(config, data, tokenizer, model, room),
        is_causal=served.is_causal,
        autocast=_autocast(model, precision),
    )


def _described(pairs: list[Pair]) -> list[str]:
    paradigms = len({pair.paradigm for pair in pairs})
    return [f"blimp: {len(pairs)} pairs of {paradigms} paradigms"] if pairs else []


def _autocast(model: Any, precision: Precision) -> Callable[[], Any]:
    """What training's own passes run in, on the device that the model is on by then."""

    def context() -> Any:
        device: torch.device = next(model.parameters()).device
        return autocast_for(device, precision)

    return partial(context)


def _require_room(pairs: list[Pair], tokenizer: Any, room: int) -> None:
    sentences = [text for pair in pairs for text in (pair.good, pair.bad)]
    encoded = tokenizer(sentences, verbose=False)["input_ids"] if sentences else []
    longest = max(map(len, encoded), default=0)
    if longest > room:
        raise InputError(
            f"{_SETTING}.blimp: a sentence of {longest} tokens, and the model has {room} positions",
            f"leave blimp out, or give the model room: positions: {longest}",
        )


def _halves(
    config: ProbesConfig, data: str, tokenizer: Any, model: Any, room: int | None
) -> Halves | None:
    if not config.shape_texts:
        return None
    limit = None if config.texts is None else 16 * config.shape_texts
    rows = open_rows(config.texts or data, tokenizer, model.config, None, limit)
    found = encode_halves(rows, tokenizer, config.shape_texts, config.seed, room)
    if found is None and config.texts is not None:
        raise InputError(
            f"{_SETTING}.texts: {config.texts}: fewer than {FEWEST_TEXTS} texts are long enough to be halved",
            "give longer texts, or leave it out for the run's own validation rows",
        )
    if found is None:
        say(f"{_SETTING}: {data} has too few texts to look at the shape of their vectors")
    return found
