"""What an objective has to say for itself, so that one trainer serves them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.card import Card

Batch: TypeAlias = Mapping[str, torch.Tensor]
Counts: TypeAlias = Mapping[str, torch.Tensor | int]
Positions: TypeAlias = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

PREDICTED = "predicted"  # the one term of an objective that only predicts tokens


class Predicted(NamedTuple):
    """What a forward pass made of the P tokens it predicted.

    Attributes:
        total: their summed loss, each weighted where weights were given; with a gradient.
        nats_P: the loss of each, unweighted, in float32 and without a gradient.
        ids_P: the right ids.
        rows_P: where they were scored, in the batch's rows laid flat (B · L).
        scores: a slice of P → the scores (P', V) of those tokens, without a gradient; made when asked for.
        states_NH: the last hidden states at the places that were to be read besides, in float32.
    """

    total: torch.Tensor
    nats_P: torch.Tensor
    ids_P: torch.Tensor
    rows_P: torch.Tensor
    scores: Callable[[slice], torch.Tensor]
    states_NH: torch.Tensor


class Passes(Protocol):
    """The forward passes that a loss may ask for (see `mlm_pretrain.evaluation.passes`)."""

    model: Any
    heads: Any  # what the objective trains beside the model

    def predict(
        self,
        batch: Batch,
        objective: Objective,
        weights_BL: torch.Tensor | None = None,
        reads: torch.Tensor | None = None,
    ) -> Predicted:
        """Score the positions that `objective.predicted_positions` finds in the batch's labels, and read
        the states of others: flat in B · L, ascending, none of them predicted. The batch may hold vectors
        `inputs_embeds` (B, L, E), to be read in place of those of its ids."""

    def states(self, batch: Batch) -> torch.Tensor:
        """The encoder's last hidden states (B, L, H) of the batch's rows, 0 at padding."""

    def scores(self, batch: Batch) -> torch.Tensor:
        """What the model's head gives (B, L, K) of each token of the batch's rows, 0 at padding."""

    def predict_pairs(self, pairs: Batch) -> Predicted:
        """Score the targets `labels` (N, D) of an encoder–decoder that reads `input_ids` (N, S), with their
        `attention_mask`; −100 is no token of a target."""

    def part(self, name: str) -> Passes:
        """The passes of a model beside this one: what its heads (see `Objective.heads`) call `name`."""

    def seeing(self, name: str) -> Passes:
        """The same passes for the objective `name` among several: its heads are its own."""

    def states_of(self, encoder: Any, batch: Batch) -> torch.Tensor:
        """As `states`, of a copy of the model's encoder that shares its settings."""


class Found(NamedTuple):
    """A batch's part of its step's loss; the parts of a step add up to it.

    Attributes:
        loss: what the gradient is taken of.
        sums: each term's own sum, detached: over its count it is the mean that is logged.
        predicted: the masked tokens' ids and losses, for masks that follow them.
        tallies: what `Objective.figures` is made from, added up over a validation.
    """

    loss: torch.Tensor
    sums: dict[str, torch.Tensor]
    predicted: Predicted | None = None
    tallies: Mapping[str, torch.Tensor] | None = None


@dataclass(frozen=True)
class Objective:
    """How an objective plugs into training.

    Attributes:
        name: as `--objective` and records call it.
        auto_class: name of the `transformers` Auto class whose head it needs.
        is_causal: whether attention looks only to the left.
        config: its settings.
        collator: builds batches from (vocabulary, config, seed).
        predicted_positions: labels (B, L) → flat positions (P) whose scores are compared with ids (P).
        count: batch → how many things each term is a mean of. They are added up over a whole step, all its
            micro-batches and processes, before a loss is asked for, and may be 0.
        loss: (passes, batch, the step's counts, settings) → the batch's part of the step's loss. Dividing
            by the step's counts, and by nothing else, makes it the same however the step is split.
        weights: settings → each term's weight in the loss.
        terms: their names; what the first one counts is called predicted tokens.
        serves: names of the token objectives that the trained model can be used for; none means its own.
        heads: (model, vocabulary, settings) → a module with what the loss needs beside the model: heads,
            a generator, a memory. It becomes `model.pretraining_heads`, is trained and saved with it, and
            is kept apart in what is exported. It draws its weights from torch's generator. A module that
            changes the model's own weights has a method `fold`: (the model's state) → what is saved as the
            model's; it then holds the changed parameters itself too, and saves them. Where it holds a whole
            masked model, it calls it `generator`.
            One that remembers steps has a method `end_step`: (the model), called after each of them.
        prepare: (passes, this process's micro-batches of a step, settings), before the first loss of a step,
            where the loss spans them.
        exported_heads: beginnings of the names of heads that are of use afterwards, and exported.
        figures: tallies → what a validation says beside the losses, where the model is no token objective's:
            it is then validated by its own loss. Among several it is validated by what it `serves`; one
            that serves none stays alone.
        family_classes: of the model types that need another Auto class, its name.
        trains_head: whether the loss goes through the model's own output layer, which else stays as it was.
        needs_partner: whether each example is to hold, as `rows.PARTNER`, some row of the dataset, drawn from
            (seed, epoch, example), with text of another document wherever a few draws find one.
        is_packed: whether the model reads rows of several segments, and has to show that it keeps them apart.
        card: what its models' cards say of it; None names the objective, as a masked model's.
    """

    name: str
    auto_class: str
    is_causal: bool
    config: type[StrictConfig]
    collator: Callable[..., Callable[..., dict[str, torch.Tensor]]]
    predicted_positions: Positions
    count: Callable[[Objective, Batch], dict[str, int]]
    loss: Callable[[Objective, Passes, Batch, Counts, Any], Found]
    weights: Callable[[Any], dict[str, float]] = lambda _config: {PREDICTED: 1.0}
    terms: tuple[str, ...] = (PREDICTED,)
    serves: tuple[str, ...] = ()
    heads: Callable[..., torch.nn.Module] | None = None
    exported_heads: tuple[str, ...] = ()
    prepare: Callable[[Objective, Passes, Iterable[Batch], Any], None] | None = None
    figures: Callable[[Mapping[str, float]], dict[str, float]] | None = None
    family_classes: Mapping[str, str] = field(default_factory=dict)
    trains_head: bool = True
    needs_partner: bool = False
    is_packed: bool = True
    card: Card | None = None

    @property
    def its_card(self) -> Card:
        """What is said of it, whether or not it says so itself."""
        return self.card or Card(f"the objective {self.name}", opens_as=self.auto_class)

    @property
    def served(self) -> tuple[str, ...]:
        """What the trained model is good for, and validated as."""
        return self.serves or (self.name,)

    def class_for(self, model_type: str) -> str:
        """Name of the Auto class for a model of this type."""
        return self.family_classes.get(model_type, self.auto_class)

    def combined(self, means: Mapping[str, float], config: Any) -> float:
        """The loss that the terms' means make together."""
        return sum(weight * means[name] for name, weight in self.weights(config).items())


def count_predicted(objective: Objective, batch: Batch) -> dict[str, int]:
    """The tokens that a batch predicts."""
    return {PREDICTED: len(objective.predicted_positions(batch["labels"])[0])}


def predicted_loss(
    objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: Any
) -> Found:
    """Cross-entropy summed over the predicted tokens, over the step's number of them."""
    found = passes.predict(batch, objective)
    total = found.total
    return Found(total / max(counts[PREDICTED], 1), {PREDICTED: total.detach()}, found)
