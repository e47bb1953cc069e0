"""Replaced-token detection (Clark et al. 2020, ELECTRA; shared vectors: He et al. 2021, DeBERTa-v3).

Formula: a generator G sees x with a set M masked, x'; draw x̂_i from p_G(· | x') in M, elsewhere x̂_i = x_i.
    Minimise mean_{i∈M} −log p_G(x_i | x') + w · mean_i −log p_D(whether x̂_i = x_i | x̂), the second mean over
    all ordinary tokens; no gradient goes through the draws.
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: an encoder that gives every token one score, or two, and is what remains; a masked model of its
    family beside it (`generator.py`); a tokenizer with a mask token.
Relations: `masked` learns from the masked tokens alone, this from every token, at the cost of the generator.
    A draw that happens to be the right token counts as original. A row without a masked token is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.card import Card, opening
from mlm_pretrain.objectives.generator import (
    GeneratorHeads,
    Sharing,
    fresh_generator,
    opened_generator,
)
from mlm_pretrain.objectives.masked import (
    MaskedCollator,
    MaskedConfig,
    place_of,
    predicted_positions,
)
from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import row_ids
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
LABELS = {0: "original", 1: "replaced"}
_DRAW_STREAM = 0x64_72_61_77  # sets these draws apart from those of masks
_OWN = ("labels", "draws", "is_text")  # of a batch, what no model takes
_SCORES_AT_ONCE = 4_194_304


class ReplacedConfig(StrictConfig):
    """What is replaced, by what, and how much it counts that this is found.

    Attributes:
        discriminator_weight: of the second mean in the loss; it is far smaller than the first.
        generator_layers: of the generator, which is as wide as the model; None is half of the model's.
        generator: folder of a masked model that the generator starts from; None makes a fresh one.
        sharing: of the token vectors (see `generator.py`).
        masking: what the generator has to fill. ELECTRA took 15 % for small models and 25 % for large ones.
    """

    discriminator_weight: float = Field(50.0, ge=0)
    generator_layers: int | None = Field(None, ge=1)
    generator: str | None = None
    sharing: Sharing = "disentangled"
    masking: MaskedConfig = MaskedConfig()


class ReplacedCollator:
    """Examples → a masked batch with the numbers that replacements are drawn by.

    Returns a dict of tensors: those of `MaskedCollator`; `draws` (B, L), at masked positions uniform in
    [0, 1) from (seed, epoch, example), so that a sample needs no generator's state; and `is_text` (B, L),
    bool, where ordinary tokens stand, special ones and padding left out.
    """

    def __init__(self, vocabulary: Vocabulary, config: ReplacedConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.masked = MaskedCollator(vocabulary, config.masking, seed)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        batch = self.masked(examples)
        shape = tuple(batch["labels"].shape)
        draws_BL, is_text_BL = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
        rows = [row_ids(example) for example in examples]
        places = [place_of(*pair) for pair in zip(examples, rows, strict=True)]
        generators = row_generators(self.seed ^ _DRAW_STREAM, places)
        for place, (ids_T, rng) in enumerate(zip(rows, generators, strict=True)):
            draws_BL[place, : len(ids_T)] = rng.random(len(ids_T), dtype=np.float32)
            is_text_BL[place, : len(ids_T)] = ~self.vocabulary.special_V[ids_T]
        draws = torch.from_numpy(draws_BL).masked_fill(batch["labels"] == IGNORED, 0.0)
        return {**batch, "draws": draws, "is_text": torch.from_numpy(is_text_BL)}


def is_judged(batch: Batch) -> torch.Tensor:
    """The tokens (B, L) that the discriminator is asked about: ordinary ones, in rows with masked tokens."""
    judged_BL: torch.Tensor = batch["is_text"] & (batch["labels"] != IGNORED).any(1, keepdim=True)
    return judged_BL


def count(_objective: Objective, batch: Batch) -> dict[str, int]:
    """Tokens masked, and tokens judged."""
    masked = int((batch["labels"] != IGNORED).sum())
    return {GENERATOR: masked, DISCRIMINATOR: int(is_judged(batch).sum())}


def drawn_ids(scores_PV: torch.Tensor, draws_P: torch.Tensor) -> torch.Tensor:
    """The ids (P) at which softmax(scores), summed up over the vocabulary, exceeds each draw in [0, 1)."""
    sums_PV = torch.softmax(scores_PV.float(), -1).cumsum(-1)
    goals_P1 = (
        draws_P[:, None].float() * sums_PV[:, -1:]
    )  # rounding may leave the last sum beside 1
    ids_P1 = torch.searchsorted(sums_PV, goals_P1, right=True)
    return ids_P1[:, 0].clamp_max(scores_PV.shape[-1] - 1)


def drawn_in_chunks(
    scores: Callable[[slice], torch.Tensor], draws_P: torch.Tensor, vocabulary: int
) -> torch.Tensor:
    """`drawn_ids` of any number of tokens, without the scores of all of them at once."""
    size = max(1, _SCORES_AT_ONCE // vocabulary)
    parts = (slice(start, start + size) for start in range(0, len(draws_P), size))
    found = [drawn_ids(scores(part), draws_P[part]) for part in parts]
    return torch.cat(found) if found else torch.zeros_like(draws_P, dtype=torch.long)


def replaced(
    batch: Batch, rows_P: torch.Tensor, ids_P: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids (B, L) with the draws in place of the masked tokens, which of them are not those of the text)."""
    labels_BL = batch["labels"]
    original_BL = torch.where(labels_BL == IGNORED, batch["input_ids"], labels_BL)
    ids_BL = original_BL.flatten().scatter(0, rows_P, ids_P).view_as(original_BL)
    return ids_BL, ids_BL != original_BL


def detection_loss(scores_TK: torch.Tensor, is_replaced_T: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy summed over T tokens, of K scores: of "replaced", or of "original" and it."""
    return torch.nn.functional.binary_cross_entropy_with_logits(
        _odds(scores_TK), is_replaced_T.float(), reduction="sum"
    )


def _odds(scores_TK: torch.Tensor) -> torch.Tensor:
    scores_TK = scores_TK.float()
    return scores_TK[:, 0] if scores_TK.shape[1] == 1 else scores_TK[:, 1] - scores_TK[:, 0]


def loss(objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: Any) -> Found:
    """Both means over the step, the second one weighted."""
    rows = {name: part for name, part in batch.items() if name not in _OWN}
    filled = passes.part("generator").predict({**rows, "labels": batch["labels"]}, objective)
    with torch.no_grad():
        draws_P = batch["draws"].flatten()[filled.rows_P]
        size = len(passes.model.get_input_embeddings().weight)
        ids_P = drawn_in_chunks(filled.scores, draws_P, size)
        ids_BL, is_replaced_BL = replaced(batch, filled.rows_P, ids_P)
    judged_BL = is_judged(batch)
    scores_TK = passes.scores({**rows, "input_ids": ids_BL})[judged_BL]
    nats = detection_loss(scores_TK, is_replaced_BL[judged_BL])
    weight = config.discriminator_weight / max(counts[DISCRIMINATOR], 1)
    total = filled.total / max(counts[GENERATOR], 1) + weight * nats
    sums = {GENERATOR: filled.total.detach(), DISCRIMINATOR: nats.detach()}
    tallies = _tallies(_odds(scores_TK.detach()) > 0, is_replaced_BL[judged_BL])
    return Found(total, sums, filled, tallies)


def _tallies(said_T: torch.Tensor, is_replaced_T: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "judged": torch.ones_like(said_T).sum(), "right": (said_T == is_replaced_T).sum(),
        "replaced": is_replaced_T.sum(), "said": said_T.sum(), "found": (said_T & is_replaced_T).sum(),
    }  # fmt: skip


def figures(tallies: Mapping[str, float]) -> dict[str, float]:
    """How well replaced tokens are found: accuracy, and precision, recall and F1 of "replaced"."""
    either = tallies["said"] + tallies["replaced"]
    return {
        "replaced_share": tallies["replaced"] / max(tallies["judged"], 1),
        "accuracy": tallies["right"] / max(tallies["judged"], 1),
        "precision": tallies["found"] / max(tallies["said"], 1),
        "recall": tallies["found"] / max(tallies["replaced"], 1),
        "f1": 2 * tallies["found"] / max(either, 1),
    }


def heads(model: Any, _vocabulary: Vocabulary, config: ReplacedConfig) -> GeneratorHeads:
    """The generator; the model's two labels get their names."""
    if model.get_output_embeddings() is not None:
        raise InputError(
            f"{type(model).__name__}: scores a vocabulary, not whether a token was replaced",
            "open it by AutoModelForTokenClassification, or ELECTRA by AutoModelForPreTraining",
        )
    if type(model).__name__.endswith("ForTokenClassification"):
        if model.config.num_labels != len(LABELS):
            raise InputError(
                f"the model's head tells {model.config.num_labels} kinds of token apart, not 2",
                "start from the model that was fine-tuned into it, or from a fresh one",
            )
        model.config.id2label = dict(LABELS)
        model.config.label2id = {name: number for number, name in LABELS.items()}
    if config.generator is None:
        generator = fresh_generator(model, config.generator_layers)
    else:
        generator = opened_generator(config.generator, model, config.sharing)
    begins_fresh, masking = config.generator is None, config.masking
    share = masking.ratio if masking.count is None else None
    return GeneratorHeads(model, generator, config.sharing, begins_fresh, share)


def weights(config: ReplacedConfig) -> dict[str, float]:
    """Of the two means."""
    return {GENERATOR: 1.0, DISCRIMINATOR: config.discriminator_weight}


def _validation(scores: Mapping[str, Any]) -> str:
    return (
        "On text that was split off by document before training, with fixed masks: the masked model in "
        f"`generator/` loses {scores['loss_generator']:.4f} nats a token over {scores['predicted_tokens']} "
        f"masked tokens; this one {scores['loss_discriminator']:.4f} nats a token on whether it was "
        f"replaced. It is right of {100 * scores['accuracy']:.2f} % of the tokens, where "
        f"{100 * (1 - scores['replaced_share']):.2f} % are not replaced (F1 of the replaced ones "
        f"{scores['f1']:.4f})."
    )


CARD = Card(
    "replaced-token detection", pipeline_tag=None, opens_as="AutoModel", validation=_validation,
    use=lambda _settings: (
        "It is meant to be fine-tuned. The masked model that replaced the tokens fills gaps:\n\n"
        + opening("AutoModelForMaskedLM", "generator")
    ),
)  # fmt: skip

OBJECTIVE = Objective(
    name="replaced", auto_class="AutoModelForTokenClassification", is_causal=False,
    config=ReplacedConfig, collator=ReplacedCollator, predicted_positions=predicted_positions,
    count=count, loss=loss, weights=weights, terms=(GENERATOR, DISCRIMINATOR), heads=heads,
    figures=figures, family_classes={"electra": "AutoModelForPreTraining"}, card=CARD,
)  # fmt: skip
