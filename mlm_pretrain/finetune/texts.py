"""Tasks of a text or a pair of texts, whatever is said of it.

B examples, L tokens, C outputs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.batching import Feature, inputs_of, rows_within
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import TextExample, read_texts
from mlm_pretrain.finetune.fields import label_of
from mlm_pretrain.finetune.task import Task
from mlm_pretrain.finetune.unused import OF_TEXTS
from mlm_pretrain.finetune.windows import in_windows, shortened

_CHUNK = 1000  # texts tokenised at once: the tokenizer's own output takes 20 times a feature's


class Texts(Task[TextExample]):
    """What all tasks of texts share: reading, encoding, and one row of predictions an example.

    A text longer than the model is cut, or with `long_texts` "windows" divided: each window learns the
    text's label, and the text's output is the mean of its windows'.
    """

    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    unused: ClassVar[Mapping[str, str]] = OF_TEXTS

    def __init__(self, config: FinetuneConfig) -> None:
        super().__init__(config)
        self.needs_offsets = config.long_texts == "windows"

    def read_label(self, value: Any, where: str, config: FinetuneConfig) -> Any:
        """The label that a field's value, at `where`, stands for."""
        return label_of(value, where, config)

    @abstractmethod
    def learn_labels(self, train: Sequence[TextExample]) -> None:
        """Set `labels`, from the whole training file."""

    @abstractmethod
    def check_labels(self, examples: Sequence[TextExample], spec: str) -> None:
        """Refuse labels that cannot be scored with what `learn_labels` saw."""

    @abstractmethod
    def target(self, example: TextExample) -> np.ndarray:
        """The label as numbers: a class or a quantity (1), or yes and no of each label (C)."""

    @abstractmethod
    def answer(self, logits_C: np.ndarray) -> dict[str, Any]:
        """What a row of predictions says beside the texts and the label; `prediction` at least."""

    def read(self, spec: str, split: str) -> list[TextExample]:
        return read_texts(spec, split, self.config, self.read_label)

    def learn(self, train: Sequence[TextExample]) -> None:
        self.learn_labels(train)
        self.paired = train[0].text_pair is not None

    def check(self, examples: Sequence[TextExample], spec: str) -> None:
        self.check_labels(examples, spec)
        if self.paired != (examples[0].text_pair is not None):
            raise InputError(
                f"{spec}: pairs of texts here or in {self.config.train}, but not in both",
                "set text_pair_field",
            )

    def encode(
        self,
        examples: Sequence[TextExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        if self.config.long_texts == "windows":
            return self._windows(examples, tokenizer, names, max_length)
        rows = self.rows(examples, tokenizer, max_length)
        return [
            Feature(inputs_of(rows, number, names), self.target(example), number)
            for number, example in enumerate(examples)
        ]

    def rows(self, examples: Sequence[TextExample], tokenizer: Any, max_length: int) -> Any:
        """The tokenizer's output, a row an example; texts that had to be cut are counted."""
        rows, cut = rows_within(partial(_tokenise, tokenizer), examples, max_length)
        self.counts["cut_texts"] += cut
        return rows

    def _windows(
        self,
        examples: Sequence[TextExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
    ) -> list[Feature]:
        """One feature a window, each with its text's label."""
        features: list[Feature] = []
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            rows = self._window_rows(chunk, tokenizer, max_length)
            owners = rows["overflow_to_sample_mapping"]
            self.counts["texts_in_windows"] += sum(n > 1 for n in Counter(owners).values())
            features += [
                Feature(inputs_of(rows, row, names), self.target(chunk[owner]), first + owner)
                for row, owner in enumerate(owners)
            ]
        return features

    def _window_rows(self, examples: Sequence[TextExample], tokenizer: Any, max_length: int) -> Any:
        """Of a pair the first text has up to half of every window, and the second is divided."""
        first, second = [example.text for example in examples], None
        room = max_length - tokenizer.num_special_tokens_to_add(pair=self.paired)
        if self.paired:
            first, cut = shortened(first, tokenizer, max_length // 2)
            self.counts["cut_first_texts"] += cut
            second = [str(example.text_pair) for example in examples]
            room -= max_length // 2
        return in_windows(first, second, tokenizer, max_length, self.stride(max_length, room))

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return logits.numpy()

    def decode(
        self,
        examples: Sequence[TextExample],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        found: list[list[np.ndarray]] = [[] for _ in examples]
        for feature, logits_C in zip(features, outputs, strict=True):
            found[feature.example].append(logits_C)
        return [
            {**_shown(example), **self.answer(np.mean(of_text, axis=0))}
            for example, of_text in zip(examples, found, strict=True)
        ]


def _tokenise(tokenizer: Any, examples: Sequence[TextExample], limits: dict[str, Any]) -> Any:
    texts = [example.text for example in examples]
    paired = examples[0].text_pair is not None
    pairs = [example.text_pair for example in examples] if paired else None
    return tokenizer(texts, pairs, verbose=False, **limits)


def written_chance(chance: float) -> float:
    """Six digits that count: a temperature is fitted on small chances too, and answers are ranked by them."""
    return float(f"{chance:.6g}")


def _shown(example: TextExample) -> dict[str, Any]:
    """The texts and the label as a row of predictions has them."""
    label = list(example.label) if isinstance(example.label, tuple) else example.label
    pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
    return {"text": example.text, **pair, "label": label}
