"""A model's own loss on two texts: what it knows of each.

Tokens of two texts are not equally hard, so that a loss alone says little; beside it stands what knowing
the tokens' frequencies gives (`fit.tokenizer_fit`), and the bits a byte, which do not depend on how a text
falls into tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlm_pretrain.corpus import Document
from mlm_pretrain.domain.config import MeasureConfig
from mlm_pretrain.domain.sampling import pieces
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import (
    fastest_device,
    load_for_evaluation,
    objective_of_head,
    score_rows,
)
from mlm_pretrain.evaluation.texts import windows_of
from mlm_pretrain.modeling.sizes import fitting_length
from mlm_pretrain.objectives.vocabulary import read_vocabulary

# The rows are scored in so many parts, whose spread gives the interval.
GROUPS = 16
_LEVEL = 0.95


def why_no_loss(model: str | Path, settings: Any) -> str:
    """Why a loss of this model would mean nothing, "" where it means something.

    A head that has to be built anew on the embeddings, as training does it, has learned nothing, and its
    loss would be that of the head.
    """
    try:
        objective_of_head(model, settings)
    except InputError as error:
        return error.problem
    return ""


def losses(
    model: str | Path, texts: Mapping[str, Sequence[str]], config: MeasureConfig
) -> dict[str, Any]:
    """The model's loss on each of the texts, by their names.

    Returns:
        for each name `loss_nats` a predicted token with the half width of its 95 % interval
        (`loss_within`), `bits_per_byte`, and the tokens that were predicted; `difference` and
        `difference_within` where there are two, the first minus the second.

    Raises:
        InputError: when the model cannot be read.
    """
    network, tokenizer, objective = load_for_evaluation(model)
    network.to(fastest_device())
    vocabulary = read_vocabulary(tokenizer)
    length = fitting_length(network.config, config.loss_length)
    found: dict[str, Any] = {}
    groups: dict[str, list[float]] = {}
    for name, of_name in texts.items():
        parts = []
        for seed, rows in enumerate(_groups(of_name, tokenizer, config, length)):
            scored = score_rows(network, rows, objective, vocabulary, seed=config.seed + seed)
            parts.append({**scored, "bytes": rows.text_bytes})
        groups[name] = [part["loss_nats"] for part in parts]
        found[name] = {**_together(parts), "loss_within": _half_width([groups[name]])}
    if len(texts) == 2:
        first, second = texts
        found["difference"] = found[first]["loss_nats"] - found[second]["loss_nats"]
        found["difference_within"] = _half_width(list(groups.values()))
    return found


def _groups(texts: Sequence[str], tokenizer: Any, config: MeasureConfig, length: int) -> list[Any]:
    """Windows of `length` tokens, drawn evenly from all of the texts, in groups of as many."""
    drawn = pieces(texts, config.seed)
    each = max(1, config.loss_rows // GROUPS)
    found = []
    for number in range(GROUPS):
        documents = [Document(text, str(n)) for n, text in enumerate(drawn[number::GROUPS])]
        if documents:
            found.append(windows_of(documents, tokenizer, length, each))
    return found


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """All groups as one."""
    predicted = sum(part["predicted_tokens"] for part in parts)
    loss = sum(part["loss_nats"] * part["predicted_tokens"] for part in parts) / predicted
    bits = [part["bits_per_byte"] for part in parts if part["bits_per_byte"] is not None]
    return {
        "loss_nats": loss,
        "bits_per_byte": float(np.mean(bits)) if bits else None,
        "predicted_tokens": predicted,
    }


def _half_width(groups: list[list[float]]) -> float | None:
    """Of the 95 % interval of the difference of two means, or of one mean, over groups."""
    from scipy.stats import t

    if min(map(len, groups)) < 2:
        return None
    error = math.sqrt(sum(np.var(group, ddof=1) / len(group) for group in groups))
    freedom = sum(len(group) - 1 for group in groups)
    return float(t.ppf((1 + _LEVEL) / 2, freedom) * error)
