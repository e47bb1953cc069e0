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
from mlm_pretrain.evaluation.heads import objective_of_head
from mlm_pretrain.evaluation.perplexity import (
    BatchLoss,
    batch_losses,
    fastest_device,
    load_for_evaluation,
)
from mlm_pretrain.evaluation.texts import EvaluationRows, windows_of
from mlm_pretrain.modeling.sizes import fitting_length
from mlm_pretrain.objectives.vocabulary import read_vocabulary

# The rows are scored in so many parts, whose spread gives the interval.
PARTS = 16
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


def objective_for(model: str | Path, given: Mapping[str, Any] | None = None) -> str:
    """By which a model is trained further: what its head serves, or else finding replaced tokens.

    A checkpoint that has left filling gaps behind (a sentence encoder) would learn it anew, which changes all
    of its layers and was no gain where it was measured; which tokens were replaced it is asked of every token
    (Clark et al. 2020, "ELECTRA"). Masking where the library has no such class for the architecture.

    Args:
        given: settings of the run. Those of an objective that is not named are masking's.
    """
    from transformers import AutoConfig

    settings = AutoConfig.from_pretrained(model, trust_remote_code=False)
    if not why_no_loss(model, settings):
        return objective_of_head(model, settings)
    are_of_masking = "objective_settings" in (given or {})
    return "replaced" if _can_find_replaced(settings) and not are_of_masking else "mlm"


def _can_find_replaced(settings: Any) -> bool:
    """Whether there are classes for it, and for the generator beside it."""
    from transformers import MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING

    needed = (MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING)
    return all(type(settings) in classes for classes in needed)


def losses(
    model: str | Path, texts: Mapping[str, Sequence[str]], config: MeasureConfig
) -> dict[str, Any]:
    """The model's loss on each of the texts, by their names.

    Returns:
        for each name `loss_nats` a predicted token with the half width of its 95 % interval
        (`loss_within`), `bits_per_byte`, and the tokens that were predicted; `difference` and
        `difference_within` where there are two, the first minus the second.

    Raises:
        InputError: when the model cannot be read, or a text has no token to predict.
    """
    network, tokenizer, objective = load_for_evaluation(model)
    network.to(fastest_device())
    vocabulary = read_vocabulary(tokenizer)
    size = max(1, config.loss_rows // PARTS)
    length = fitting_length(network.config, config.loss_length)
    found: dict[str, Any] = {}
    parts: dict[str, list[BatchLoss]] = {}
    for name, of_name in texts.items():
        rows = _rows(of_name, tokenizer, config, length)
        parts[name] = list(
            batch_losses(
                network, rows, objective, vocabulary, seed=config.seed, batch_size=size,
                precision="fp32",
            )
        )  # fmt: skip
        found[name] = _together(parts[name], rows.text_bytes)
    if len(texts) == 2:
        first, second = texts
        found["difference"] = found[first]["loss_nats"] - found[second]["loss_nats"]
        found["difference_within"] = _half_width(list(parts.values()))
    return found


def _rows(
    texts: Sequence[str], tokenizer: Any, config: MeasureConfig, length: int
) -> EvaluationRows:
    """Windows of `length` tokens, of pieces that are drawn evenly from all of the texts."""
    drawn = (Document(text, str(n)) for n, text in enumerate(pieces(texts, config.seed)))
    return windows_of(drawn, tokenizer, length, config.loss_rows)


def _together(parts: Sequence[BatchLoss], text_bytes: int) -> dict[str, Any]:
    """All parts as one."""
    predicted = sum(part.predicted for part in parts)
    if not predicted:
        raise InputError("no token of the text could be predicted", "give more text")
    loss = sum(part.nats for part in parts) / predicted
    tokens = sum(part.tokens for part in parts)
    return {
        "loss_nats": loss,
        "loss_within": _half_width([parts]),
        "bits_per_byte": loss * tokens / math.log(2) / text_bytes,
        "predicted_tokens": predicted,
    }


def _half_width(texts: Sequence[Sequence[BatchLoss]]) -> float | None:
    """Of the 95 % interval of the mean of one text, or of the difference of two, over their parts."""
    from scipy.stats import t

    means = [[part.nats / part.predicted for part in parts if part.predicted] for parts in texts]
    if min(map(len, means)) < 2:
        return None
    error = math.sqrt(sum(np.var(of_text, ddof=1) / len(of_text) for of_text in means))
    freedom = sum(len(of_text) - 1 for of_text in means)
    return float(t.ppf((1 + _LEVEL) / 2, freedom) * error)
