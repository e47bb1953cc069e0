"""Minimal pairs: of two sentences that differ in a word or its place, does a model prefer the right one?

BLiMP (Warstadt et al. 2020, "BLiMP: The benchmark of linguistic minimal pairs for English") has 67
paradigms of 1,000 pairs in fields of grammar. A score is the mean over paradigms of the share of pairs
whose right sentence is likelier; where both are equally likely, the pair counts half, since a model that
gives every sentence the same likelihood would be perfect otherwise.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.corpus import Audit, ReadOptions
from mlm_pretrain.corpus.lines import read_lines
from mlm_pretrain.errors import InputError

_NAMES = ("UID", "sentence_good", "sentence_bad")
_LONGEST_LINE_BYTES = 1 << 20
_OTHER_NAMES = {"syntax/semantics": "syntax_semantics"}  # of one of the 67 as published
CHANCE = 50.0


class Pair(NamedTuple):
    """A pair of sentences; `field` is the part of grammar its paradigm belongs to, "" if not said."""

    paradigm: str
    field: str
    good: str
    bad: str


def read_pairs(path: str | Path, limit: int | None = None) -> list[Pair]:
    """Pairs of BLiMP's format: a .jsonl file (also .gz, .zst), or a folder of them.

    Pairs whose sentences do not differ (seven of the published ones) are left out.

    Args:
        limit: of each paradigm only so many, the first ones.

    Raises:
        InputError: a missing or damaged file; a line that is no pair, at its number.
    """
    path = Path(path)
    files = sorted(path.glob("*.jsonl*")) if path.is_dir() else [path]
    taken: dict[str, int] = defaultdict(int)
    pairs = []
    for file in files:
        for line in read_lines(file, ReadOptions(), Audit(), _LONGEST_LINE_BYTES):
            pair = _pair(line.text, f"{file}:{line.number}")
            if pair.good != pair.bad and (limit is None or taken[pair.paradigm] < limit):
                taken[pair.paradigm] += 1
                pairs.append(pair)
    if not pairs:
        raise InputError(f"{path}: no pairs", "give BLiMP's .jsonl file, or a folder of them")
    return pairs


def _pair(line: str, where: str) -> Pair:
    try:
        row = json.loads(line)
        paradigm, good, bad = (row[name] for name in _NAMES)
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{where}: is no pair", f"each needs {', '.join(_NAMES)}") from None
    field = str(row.get("field", ""))
    return Pair(paradigm, _OTHER_NAMES.get(field, field), good, bad)


def pair_likelihoods(model: str | Path, pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """Log-likelihoods in nats of the right and the wrong sentence, as the model's head has them.

    Raises:
        InputError: for a folder without a language-modelling head.
    """
    from mlm_pretrain.evaluation.perplexity import fastest_device, load_for_evaluation
    from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores

    network, tokenizer, objective = load_for_evaluation(model)
    sentences = [text for pair in pairs for text in (pair.good, pair.bad)]
    network = network.to(fastest_device())
    scores = sentence_scores(network, tokenizer, sentences, objective.is_causal)
    return list(zip(scores[::2], scores[1::2], strict=True))


def preference(pairs: Sequence[Pair], scores: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """How often the right sentences have the higher score, in percent.

    Returns:
        `accuracy`, the mean over paradigms, and its `error` (standard error, from the pairs drawn);
        `pairs`; `fields` and `paradigms`, the same by name.
    """
    points: dict[str, list[float]] = defaultdict(list)
    fields: dict[str, set[str]] = defaultdict(set)
    for pair, (good, bad) in zip(pairs, scores, strict=True):
        points[pair.paradigm].append(0.5 if good == bad else float(good > bad))
        fields[pair.field].add(pair.paradigm)
    means = {name: 100 * sum(values) / len(values) for name, values in points.items()}
    return {
        "accuracy": statistics.fmean(means.values()),
        "error": math.sqrt(sum(map(_error_squared, points.values()))) / len(points),
        "pairs": len(pairs),
        "fields": {
            field: statistics.fmean(means[name] for name in names)
            for field, names in sorted(fields.items())
        },
        "paradigms": means,
    }


def _error_squared(points: Sequence[float]) -> float:
    """Of a paradigm's mean, in percent squared; none is known of a single pair."""
    return 100**2 * statistics.variance(points) / len(points) if len(points) > 1 else 0.0
