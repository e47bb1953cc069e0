"""What the loop asks of a task; a new task is one subclass and one line in `kinds.TASKS`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.batching import Feature
from mlm_pretrain.finetune.config import FinetuneConfig, default_stride
from mlm_pretrain.finetune.fields import is_number
from mlm_pretrain.finetune.loss import summed_loss

Example = TypeVar("Example")
# A model and a batch on its device → what the model writes of each row, as ids (B, D).
Writer: TypeAlias = Callable[[Any, dict[str, Any]], Any]
# Logits with the classes last, and labels → the loss, summed over labels.
Criterion: TypeAlias = Callable[[Any, Any], Any]
# Is told the validation scores of an epoch, with its number (`epoch`) and `step`.
OnEpoch: TypeAlias = Callable[[dict[str, Any]], None]


class Task(ABC, Generic[Example]):
    """Reading, encoding, decoding and scoring of one kind of example.

    `labels` are the model's outputs by name, known after `learn`; `counts` gathers what was
    dropped, cut or repaired, and why. A task that `writes` has no labels: its answer is a text, and
    `decoder_inputs`, known after `adapt`, makes of its tokens what the decoder reads.
    """

    auto_class: ClassVar[str]
    needs_offsets: bool = True  # whether the tokenizer has to say where its tokens lie
    label_per_token: ClassVar[bool] = False
    writes: ClassVar[bool] = False
    # Settings that cannot be asked for here, each with the reason, which goes on from the task's name.
    unused: ClassVar[Mapping[str, str]]
    problem_type: ClassVar[str | None] = None  # as the library's own heads know it; None: classes
    decoder_inputs: Callable[[Any], Any] | None = None

    def __init__(self, config: FinetuneConfig) -> None:
        self.config = config
        self.counts: Counter[str] = Counter()
        self.labels: list[str] = []

    def check_settings(self, name: str) -> None:
        """Refuse settings that contradict each other, or that this task, called `name`, has no use for."""
        config = self.config
        if config.epochs is not None and config.steps is not None:
            raise InputError("epochs and steps: both are set", "set one of them")
        for setting, reason in self.unused.items():
            if getattr(config, setting) != type(config).model_fields[setting].default:
                raise InputError(f"{setting}: {name} {reason}", "leave it out")

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """Scores that can choose the best epoch; the first is the task's own."""

    @abstractmethod
    def read(self, spec: str, split: str) -> list[Example]:
        """Examples of a file, checked one by one."""

    @abstractmethod
    def learn(self, train: Sequence[Example]) -> None:
        """Take labels and other facts from the whole training file."""

    def settle(self, train: Sequence[Example]) -> None:
        """Take what the loss needs from the examples that are trained on: all, or those that were drawn."""

    @abstractmethod
    def check(self, examples: Sequence[Example], spec: str) -> None:
        """Refuse what cannot be scored with what `learn` saw."""

    def attach(self, model: Any, fresh: Sequence[str]) -> None:
        """Change what the loaded model gives, where the task needs it; `fresh` are weights just drawn.

        Raises:
            InputError: for weights that the task cannot do without.
        """

    def criterion(self, logits: Any, labels: Any) -> Any:
        """The loss, summed over labels, of logits with the classes last."""
        return summed_loss(logits, labels)

    def adapt(self, skeleton: Any, tokenizer: Any) -> dict[str, Any]:
        """Take from the model what encoding needs; give what rules chose, for the record.

        Raises:
            InputError: for a model or tokenizer that the task cannot use.
        """
        return {}

    def writers(self, model: Any, train: Sequence[Feature]) -> tuple[Writer | None, Writer | None]:
        """How the model writes its answers after an epoch, and for the final scores."""
        return None, None

    @abstractmethod
    def encode(
        self,
        examples: Sequence[Example],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        """Model inputs, one or more an example; `names` are those the model takes.

        With `training`, features lack what only decoding needs.
        """

    @abstractmethod
    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        """What decoding needs of one feature's logits: (C,), (L, C) or (2, L); of ids written: (D,)."""

    @abstractmethod
    def decode(
        self,
        examples: Sequence[Example],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        """One row of predictions an example, in order."""

    @abstractmethod
    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Scores of `decode`'s rows, as shares of 1."""

    def analyse(self, splits: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
        """What else `decode`'s rows of the splits tell, for analysis.json; nothing for most tasks."""
        return {}

    def subset(self, train: list[Example], size: int, seed: int) -> list[Example]:
        """`size` training examples drawn by `seed`, in file order."""
        chosen = np.random.default_rng(seed).permutation(len(train))[:size]
        return [train[index] for index in sorted(chosen)]

    def stride(self, max_length: int, room: int) -> int:
        """Tokens two windows share, less than the `room` that a window has for text."""
        asked = self.config.stride
        if asked is None:
            return max(0, min(default_stride(max_length), room // 2))
        if asked >= room:
            raise InputError(
                f"stride: {asked} tokens, but a window of {max_length} may leave only {room}",
                f"set stride below {room}, or raise max_length",
            )
        return asked

    def best_by(self) -> str:
        """The score that keeps the best epoch."""
        metric = self.config.metric or self.metrics[0]
        if metric not in self.metrics:
            raise InputError(f"metric: no score '{metric}' here", f"one of {list(self.metrics)}")
        return metric


def in_order(labels: set[str], names: Sequence[str] | None) -> list[str]:
    """Labels in the order of `names`, else by number where all are whole numbers, else by name."""
    if names is not None:
        place = {name: index for index, name in enumerate(names)}
        return sorted(labels, key=lambda label: (place.get(label, len(place)), label))
    if all(is_number(label) for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
