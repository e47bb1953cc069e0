"""Writing a text out from its vector (Wang, Reimers and Gurevych 2021, TSDAE).

Formula: leave tokens out of a text x, x̃; let v be the mean of the encoder's states of x̃ over its ordinary
    tokens, or the state of its first one; minimise the mean of −log p(x_t | x_<t, v) over ordinary tokens.
Inputs: rows of ids (T), with the lengths of the segments packed into each; a segment is a text.
Requirements: an encoder with a masked-LM head. It is its own decoder: it reads x from left to right with
    W · v + b added to the vector of each token, and says with its head what stands to the right.
Relations: TSDAE's decoder attends to v in each layer. Attention to a single vector gives it the weight 1, so
    that a linear map of it is added there; here one is added before the first layer, and the residual paths
    carry it on. All weights are shared, as in the paper's best setting, but for W and b. `hybrid` reads from
    left to right too, without a vector; the decoder of `denoising` sees the states of all that was read.
    The head learns to name the next token, so alone this gives an encoder to take vectors from, and no model
    that fills gaps: for both, train `mlm` beside it. Where a text begins without a special token, its first
    token is not written. Tokens are counted in x.

B: rows. L: length. N: texts. H: hidden size. E: width of the tokens' vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.card import Card, vector_of_a_text
from mlm_pretrain.objectives.contrastive.augmentations import control_tokens, with_deletions
from mlm_pretrain.objectives.contrastive.collator import texts_of
from mlm_pretrain.objectives.contrastive.texts import pooled
from mlm_pretrain.objectives.masked import place_of, predicted_positions
from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes, Predicted
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import packed_layout, padded_length, row_ids, stack_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

WRITTEN = "written"
SEEN = "seen/"  # before the names of what the encoder reads; no model is given such names
VECTOR = "vector"
_DELETION_STREAM = 0x64_65_6C  # sets these draws apart from those of masks


class TsdaeConfig(StrictConfig):
    """What is left out of the text that is read, and which of its states are its vector.

    Attributes:
        deletion: chance of each ordinary token to be left out; at least one of a text stays.
        pooling: a vector is the mean over a text's ordinary tokens, or the state of its first token, which
            the paper takes.
    """

    deletion: float = Field(0.6, ge=0, lt=1)
    pooling: Literal["mean", "cls"] = "mean"


class TsdaeCollator:
    """Examples → a batch of texts to write, and of what is read of them, drawn from (seed, epoch, example).

    Returns a dict of tensors (B, L): `input_ids`; `labels`, the id that stands to the right where that is an
    ordinary token of the same text, −100 elsewhere; `segment_ids` and `position_ids`, as in any packed row.
    The same names after "seen/" are those of the texts with tokens left out, in the same order; their labels
    are the ids of the ordinary tokens themselves.
    """

    def __init__(self, vocabulary: Vocabulary, config: TsdaeConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.control_V = control_tokens(vocabulary)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        pairs = [(example, row_ids(example)) for example in examples]
        texts = [texts_of(*pair) for pair in pairs]
        places = [place_of(*pair) for pair in pairs]
        generators = row_generators(self.seed ^ _DELETION_STREAM, places)
        drawn = zip(texts, generators, strict=True)
        seen = [[self._with_deletions(text_T, rng) for text_T in row] for row, rng in drawn]
        arrays = self._rows(texts, self._next_tokens)
        arrays |= {SEEN + name: rows for name, rows in self._rows(seen, self._tokens).items()}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _with_deletions(self, ids_T: Ids, rng: np.random.Generator) -> Ids:
        return with_deletions(ids_T, self.control_V, self.config.deletion, rng)

    def _rows(
        self, texts: Sequence[Sequence[Ids]], labels_of: Callable[[Ids], Ids]
    ) -> dict[str, Ids]:
        """The texts of each row, (B, L)."""
        rows = [np.concatenate(row) for row in texts]
        labels = [np.concatenate([labels_of(text_T) for text_T in row]) for row in texts]
        lengths = [np.array([len(text_T) for text_T in row]) for row in texts]
        length = padded_length(rows)
        return {
            "input_ids": stack_rows(rows, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **packed_layout(lengths, length),
        }

    def _tokens(self, ids_T: Ids) -> Ids:
        return np.where(self.control_V[ids_T], IGNORED, ids_T)

    def _next_tokens(self, ids_T: Ids) -> Ids:
        return np.append(self._tokens(ids_T)[1:], IGNORED)


def heads(model: Any, _vocabulary: Vocabulary, _config: TsdaeConfig) -> torch.nn.ModuleDict:
    """From a text's vector to what is added to its tokens' vectors, at first about as large as they are.

    The bias stays when all vectors are alike: it tells the model that it writes, and does not read.
    """
    table, hidden = model.get_input_embeddings().weight, int(model.config.hidden_size)
    joint = torch.nn.Linear(hidden, table.shape[1])
    torch.nn.init.normal_(joint.weight, std=float(table.detach().std()) / hidden**0.5)
    torch.nn.init.zeros_(joint.bias)
    return torch.nn.ModuleDict({VECTOR: joint})


def count(_objective: Objective, batch: Batch) -> dict[str, int]:
    """Tokens to be written."""
    return {WRITTEN: int((batch["labels"] != IGNORED).sum())}


def text_vectors(passes: Passes, batch: Batch, config: TsdaeConfig) -> torch.Tensor:
    """The vector of each text (N, H), from what is read of it."""
    own = {name: part for name, part in batch.items() if name.startswith(SEEN)}
    seen = {name.removeprefix(SEEN): part for name, part in own.items()}
    return pooled(passes.states(seen), seen, config.pooling)


def spread(vectors_NE: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The N texts' vectors at each of their tokens (B, L, E), and zeros at padding."""
    is_text_BL = batch["segment_ids"] > 0
    starts_BL = (batch["position_ids"] == 0) & is_text_BL
    numbers_BL = starts_BL.flatten().cumsum(0).view_as(starts_BL) * is_text_BL
    # Not index_select: on GPUs its gradients are added up in any order.
    return torch.nn.functional.embedding(
        numbers_BL, torch.nn.functional.pad(vectors_NE, (0, 0, 1, 0))
    )


def written(
    objective: Objective, passes: Passes, batch: Batch, vectors_NH: torch.Tensor
) -> Predicted:
    """The pass that writes the texts, each token from those to its left and the vector of its text."""
    tokens_BLE = passes.model.get_input_embeddings()(batch["input_ids"])
    added_BLE = spread(passes.heads[VECTOR](vectors_NH), batch)
    leftwards_B = torch.ones_like(batch["input_ids"][:, 0], dtype=torch.bool)
    rows = {**batch, "inputs_embeds": tokens_BLE + added_BLE, "is_causal": leftwards_B}
    return passes.predict(rows, objective)


def loss(
    objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: TsdaeConfig
) -> Found:
    """Cross-entropy summed over the written tokens, over the step's number of them."""
    vectors_NH = text_vectors(passes, batch, config)
    total = written(objective, passes, batch, vectors_NH).total
    is_validated = not passes.heads.training and len(vectors_NH) > 1
    tallies = _with_other_vectors(objective, passes, batch, vectors_NH) if is_validated else None
    return Found(total / max(counts[WRITTEN], 1), {WRITTEN: total.detach()}, tallies=tallies)


def _with_other_vectors(
    objective: Objective, passes: Passes, batch: Batch, vectors_NH: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The loss of texts that are given each other's vectors; not a neighbour's, which may be much alike."""
    others_NH = vectors_NH.detach().roll(len(vectors_NH) // 2, 0)
    nats_P = written(objective, passes, batch, others_NH).nats_P
    return {"other_nats": nats_P.sum(), "other_tokens": torch.ones_like(nats_P).sum()}


def figures(tallies: Mapping[str, float]) -> dict[str, float]:
    """Whether vectors are of use: the mean loss where each text is given that of another."""
    if not tallies.get("other_tokens"):
        return {}
    return {"loss_other_vector": tallies["other_nats"] / tallies["other_tokens"]}


def weights(_config: Any) -> dict[str, float]:
    return {WRITTEN: 1.0}


def _validation(scores: Mapping[str, Any]) -> str:
    said = (
        "On text that was split off by document before training, with fixed deletions as in training, each "
        f"text written out from its vector: {scores['loss_nats']:.4f} nats a token over "
        f"{scores['predicted_tokens']} of them (perplexity {scores['perplexity']:.2f})"
    )
    other = scores.get("loss_other_vector")
    return (
        f"{said}."
        if other is None
        else f"{said}, and {other:.4f} where each text is given another's."
    )


CARD = Card(
    "writing texts out from their vectors (TSDAE)", "feature-extraction", "AutoModel",
    use=lambda settings: vector_of_a_text(settings.pooling),
    alone="The head of the file was trained to name the next token of a text, and does not fill gaps.",
    validation=_validation,
)  # fmt: skip

OBJECTIVE = Objective(
    name="tsdae", auto_class="AutoModelForMaskedLM", is_causal=False, config=TsdaeConfig,
    collator=TsdaeCollator, predicted_positions=predicted_positions, count=count, loss=loss,
    weights=weights, terms=(WRITTEN,), serves=("mlm",), heads=heads, figures=figures,
    card=CARD,
)  # fmt: skip
