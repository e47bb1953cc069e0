"""Filling gaps and continuing text in one model (Charpentier and Samuel 2024, GPT-BERT).

Formula: of a step's rows a share s is read from left to right, the others are masked and read both ways; with
    r the share that came out, minimise (1 − r) · mean −log p(x_i | x') + r · mean −log p(x_t | x_<t).
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: an encoder with a masked-LM head, and a tokenizer with a mask token. All weights are shared.
Relations: `masked` and `causal` are its two ends. As in `masked`, a gap is filled at its own place (GPT-BERT
    fills it one place earlier), so that tools for masked models read the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.card import Card, opening
from mlm_pretrain.objectives.causal import CausalCollator, CausalConfig
from mlm_pretrain.objectives.masked import (
    MaskedCollator,
    MaskedConfig,
    place_of,
    predicted_positions,
)
from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, segment_lengths
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary

MASKED, CAUSAL = "masked", "causal"
_WAY_STREAM = 0x77_61_79  # sets these draws apart from those of masks


class HybridConfig(StrictConfig):
    """How much of the text is read in which way.

    Attributes:
        causal_share: of the rows, those read from left to right; GPT-BERT settled on one in 16.
        causal_share_end: the share at the end of the run, reached along a line; None keeps it.
        masking: of the other rows.
    """

    causal_share: float = Field(0.0625, ge=0, le=1)
    causal_share_end: float | None = Field(None, ge=0, le=1)
    masking: MaskedConfig = MaskedConfig()

    def share_at(self, progress: float) -> float:
        """The share of causal rows once `progress`, 0 to 1, of the run is done."""
        end = self.causal_share if self.causal_share_end is None else self.causal_share_end
        return self.causal_share + progress * (end - self.causal_share)


class HybridCollator:
    """Examples → a batch of rows to fill gaps in and of rows to continue, drawn from (seed, epoch, example).

    Returns a dict of tensors: `input_ids` (B, L); `labels` (B, L), the right ids at the positions that
    predict them (in causal rows the one before), −100 elsewhere; `is_causal` (B), bool; and the layout
    (see `rows.layout`).
    """

    def __init__(self, vocabulary: Vocabulary, config: HybridConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.masked = MaskedCollator(vocabulary, config.masking, seed)
        self.causal = CausalCollator(vocabulary, CausalConfig(), seed)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        is_causal_B = self._ways(examples, rows)
        length = padded_length(rows)
        arrays = {
            "input_ids": np.full((len(rows), length), self.vocabulary.pad_id),
            "labels": np.full((len(rows), length), IGNORED),
        }
        for collator, chosen in ((self.masked, ~is_causal_B), (self.causal, is_causal_B)):
            places = np.flatnonzero(chosen)
            if len(places):
                _put(arrays, places, collator([examples[place] for place in places]))
        shifted_BL = np.roll(arrays["labels"], -1, axis=1)
        shifted_BL[:, -1] = IGNORED
        arrays["labels"] = np.where(is_causal_B[:, None], shifted_BL, arrays["labels"])
        pairs = zip(examples, rows, strict=True)
        lengths = [segment_lengths(example, len(ids_T)) for example, ids_T in pairs]
        arrays |= {**layout(lengths, length), "is_causal": is_causal_B}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _ways(
        self, examples: Sequence[Mapping[str, Any]], rows: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.bool_]:
        """Which rows are read from left to right (B)."""
        places = [place_of(*pair) for pair in zip(examples, rows, strict=True)]
        generators = row_generators(self.seed ^ _WAY_STREAM, places)
        shares = [self.config.share_at(example.get("progress", 0.0)) for example in examples]
        return np.array([rng.random() < s for rng, s in zip(generators, shares, strict=True)])


def _put(arrays: dict[str, Any], places: NDArray[Any], part: Mapping[str, torch.Tensor]) -> None:
    """Put a collator's rows at their places in the batch."""
    for name, out_BL in arrays.items():
        found = part[name].numpy()
        out_BL[places, : found.shape[1]] = found


def count(_objective: Objective, batch: Batch) -> dict[str, int]:
    """Tokens predicted, and rows with any, of each way: others only keep a process in step."""
    tokens_B = (batch["labels"] != IGNORED).sum(1)
    counts: dict[str, int] = {}
    for name, chosen_B in ((MASKED, ~batch["is_causal"]), (CAUSAL, batch["is_causal"])):
        rows = int((tokens_B[chosen_B] > 0).sum())
        counts |= {name: int(tokens_B[chosen_B].sum()), f"{name}_rows": rows}
    return counts


def loss(objective: Objective, passes: Passes, batch: Batch, counts: Counts, _config: Any) -> Found:
    """Each way's mean over the step, weighted by its share of the step's rows."""
    rows = counts[f"{MASKED}_rows"] + counts[f"{CAUSAL}_rows"]
    shares = [counts[f"{name}_rows"] / max(rows, 1) for name in (MASKED, CAUSAL)]
    pairs = zip(shares, (MASKED, CAUSAL), strict=True)
    of_way = [share / max(counts[name], 1) for share, name in pairs]
    weight_W = torch.tensor(of_way, device=batch["labels"].device)
    way_B = batch["is_causal"].long()
    length = batch["labels"].shape[1]
    found = passes.predict(batch, objective, weight_W[way_B][:, None].expand(-1, length))
    way_P = batch["is_causal"][found.rows_P // length]
    sums = {MASKED: found.nats_P[~way_P].sum(), CAUSAL: found.nats_P[way_P].sum()}
    kept = {name: getattr(found, name)[~way_P] for name in ("ids_P", "nats_P", "rows_P")}
    filled = found._replace(**kept)
    return Found(found.total, sums, filled)


def weights(config: HybridConfig) -> dict[str, float]:
    """Of the two means, in one figure for a validation."""
    share = config.share_at(1.0)
    return {MASKED: 1 - share, CAUSAL: share}


CARD = Card(
    "masked-token and next-token prediction",
    use=lambda _settings: (
        "The same weights continue text, as the decoder in `causal/`:\n\n"
        + opening("AutoModelForCausalLM", "causal")
    ),
)

OBJECTIVE = Objective(
    name="hybrid", auto_class="AutoModelForMaskedLM", is_causal=False, config=HybridConfig,
    collator=HybridCollator, predicted_positions=predicted_positions, count=count, loss=loss,
    weights=weights, terms=(MASKED, CAUSAL), serves=("mlm", "clm"), card=CARD,
)  # fmt: skip
