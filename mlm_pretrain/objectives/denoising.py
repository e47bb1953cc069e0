"""Writing a text that was read noised, by an encoder and a decoder (Lewis et al. 2020, BART; Raffel et al.
2020, T5; Tay et al. 2023, UL2).

Formula: noise a segment x to a source s and a target y; minimise −Σ_t log p(y_t | y_<t, s).
Inputs: rows of ids (T), with the lengths of the segments packed into each. Each segment is a pair of its own,
    so that none sees another whatever the model is.
Requirements: an encoder–decoder. With "bart" y is x, and the tokenizer has a mask token; with "t5" and "ul2"
    it is a list of what was hidden, and the tokenizer has sentinels, <extra_id_0> and on.
Relations: `masked` fills each gap token by token, this one gaps of unknown length. UL2's tokens that tell the
    denoisers apart are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import model_validator

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.card import Card
from mlm_pretrain.objectives.masked import place_of
from mlm_pretrain.objectives.masked import predicted_positions as predicted_positions
from mlm_pretrain.objectives.noising.config import BartNoise, MixtureNoise, SpanNoise
from mlm_pretrain.objectives.noising.pairs import Noise, Pair, noised
from mlm_pretrain.objectives.objective import (
    PREDICTED,
    Batch,
    Counts,
    Found,
    Objective,
    Passes,
    count_predicted,
)
from mlm_pretrain.objectives.randomness import row_generator, row_generators
from mlm_pretrain.objectives.rows import LENGTH_MULTIPLE, padded_length, row_ids, segment_lengths
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

_NOISE_STREAM = 0x6E_6F_69  # sets these draws apart from those of masks


class DenoisingConfig(StrictConfig):
    """Which noise; its own settings stand under its name.

    Attributes:
        kind: "bart" hides spans of any length and mixes up sentences; "t5" hides spans behind sentinels;
            "ul2" does so too, with few short ones, many or long ones, or all from some token on.
    """

    kind: Literal["bart", "t5", "ul2"] = "bart"
    bart: BartNoise = BartNoise()
    t5: SpanNoise = SpanNoise()
    ul2: MixtureNoise = MixtureNoise()

    @model_validator(mode="after")
    def _has_own_settings_alone(self) -> DenoisingConfig:
        others = self.model_fields_set - {"kind", self.kind}
        if others:
            raise ValueError(f"{min(others)} has no effect with kind {self.kind}")
        return self

    @property
    def noise(self) -> Noise:
        """The settings that count."""
        chosen: Noise = getattr(self, self.kind)
        return chosen


class DenoisingCollator:
    """Examples → pairs with noise drawn from (seed, epoch, example, number of the segment in its row).

    Returns a dict of tensors, G being the most pairs of a row: `input_ids` and `attention_mask` (B, G, S),
    and `labels` (B, G, D), which a decoder reads one place later; −100 behind each target, and where a row
    has no more pairs.
    """

    def __init__(self, vocabulary: Vocabulary, config: DenoisingConfig, seed: int) -> None:
        if config.kind == "bart":
            if config.bart.ratio and vocabulary.mask_id is None:
                raise InputError(
                    "the tokenizer has no mask token, which the noise of BART needs",
                    "use a tokenizer that has one, or --set pretrain.objective_settings.bart.ratio=0",
                )
        elif len(vocabulary.sentinel_ids) < 2:
            raise InputError(
                f"the tokenizer has no sentinels (<extra_id_0> …), which the noise {config.kind} needs",
                "train one with `mlm-pretrain tokenizer train --sentinels 100`, or take the noise bart",
            )
        self.vocabulary, self.config, self.seed = vocabulary, config, seed

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        places = [place_of(*pair) for pair in zip(examples, rows, strict=True)]
        generators = row_generators(self.seed ^ _NOISE_STREAM, places)
        pairs = [self._pairs(*one) for one in zip(examples, rows, generators, strict=True)]
        sources = [[pair.source_S for pair in row] for row in pairs]
        targets = [[pair.target_D for pair in row] for row in pairs]
        ids, labels = _stacked(sources, self.vocabulary.pad_id), _stacked(targets, IGNORED)
        lengths = [[np.ones(len(source), np.int64) for source in row] for row in sources]
        arrays = {"input_ids": ids, "attention_mask": _stacked(lengths, 0), "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _pairs(
        self, example: Mapping[str, Any], ids_T: Ids, rng: np.random.Generator
    ) -> list[Pair]:
        """Those of the segments in a row; each draws by itself, whatever its neighbours needed."""
        borders = np.cumsum(segment_lengths(example, len(ids_T)))
        keys = rng.integers(1 << 62, size=len(borders)).tolist()
        segments = np.split(ids_T, borders[:-1])
        found = [
            noised(ids_L, self.vocabulary, self.config.noise, row_generator(key, 0, 0))
            for key, ids_L in zip(keys, segments, strict=True)
        ]
        return [pair for pair in found if pair is not None]


def _stacked(rows: Sequence[Sequence[Ids]], fill: int) -> Ids:
    """Lists of arrays, padded to one array (B, G, length)."""
    arrays = [array for row in rows for array in row] or [np.empty(1, np.int64)]
    width, most = padded_length(arrays), max(1, *(len(row) for row in rows))
    out_BGL = np.full((len(rows), most, width), fill, dtype=np.int64)
    for out_GL, row in zip(out_BGL, rows, strict=True):
        for out_L, array in zip(out_GL, row, strict=False):
            out_L[: len(array)] = array
    return out_BGL


def pairs_of(batch: Batch) -> dict[str, torch.Tensor]:
    """The batch's N pairs one behind another, without the places of rows that have fewer; one at least.

    Batches of another collator, a pair a row, are taken as they are.
    """
    labels_ND = batch["labels"].flatten(0, -2)
    is_pair_N = (labels_ND != IGNORED).any(1)
    is_pair_N[0] |= ~is_pair_N.any()  # for its way to the weights: it counts for nothing
    mask_NS = batch["attention_mask"].flatten(0, -2)[is_pair_N]
    mask_NS[:, 0] = 1
    ids_NS = batch["input_ids"].flatten(0, -2)[is_pair_N]
    return {"input_ids": ids_NS, "attention_mask": mask_NS, "labels": labels_ND[is_pair_N]}


def of_like_length(pairs: Batch) -> Iterator[dict[str, torch.Tensor]]:
    """The pairs in groups, each between one power of two and the next in length, and padded for itself.

    Rows hold a few long segments and many short ones: padded to one length, most of it would be padding.
    """
    read_NS, written_ND = pairs["attention_mask"] > 0, pairs["labels"] != IGNORED
    lengths_N = torch.maximum(_reach(read_NS), _reach(written_ND)).clamp(min=LENGTH_MULTIPLE)
    class_N = lengths_N.double().log2().ceil()
    for number in class_N.unique():
        chosen = class_N == number
        widths = {"labels": int(_reach(written_ND[chosen]).max().clamp(min=1))}
        width = int(_reach(read_NS[chosen]).max())
        yield {name: part[chosen, : widths.get(name, width)] for name, part in pairs.items()}


def _reach(is_token_NL: torch.Tensor) -> torch.Tensor:
    """The places (N) behind the last token of each row."""
    places_L = torch.arange(1, is_token_NL.shape[1] + 1, device=is_token_NL.device)
    return (is_token_NL * places_L).amax(1)


def loss(
    _objective: Objective, passes: Passes, batch: Batch, counts: Counts, _config: Any
) -> Found:
    """Cross-entropy summed over the tokens of the targets, over the step's number of them."""
    groups = of_like_length(pairs_of(batch))
    total = torch.stack([passes.predict_pairs(group).total for group in groups]).sum()
    return Found(total / max(counts[PREDICTED], 1), {PREDICTED: total.detach()})


def _validation(scores: Mapping[str, Any]) -> str:
    return (
        "On text that was split off by document before training, with fixed noise as in training: "
        f"{scores['loss_nats']:.4f} nats a written token over {scores['predicted_tokens']} of them "
        f"(perplexity {scores['perplexity']:.2f})."
    )


CARD = Card(
    "denoising of text", "text2text-generation", "AutoModelForSeq2SeqLM", validation=_validation
)

OBJECTIVE = Objective(
    name="denoising", auto_class="AutoModelForSeq2SeqLM", is_causal=False, config=DenoisingConfig,
    collator=DenoisingCollator, predicted_positions=predicted_positions, count=count_predicted,
    loss=loss, figures=lambda _tallies: {}, is_packed=False, card=CARD,
)  # fmt: skip
