"""Tagging of tokens: named entities, chunks, parts of speech."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.evaluation.metrics.tag_schemes import guess_scheme, lack_types, letters, repair
from mlm_pretrain.finetune.batching import IGNORED, Feature, inputs_of
from mlm_pretrain.finetune.classification import label_scores
from mlm_pretrain.finetune.data import (
    TaggedExample,
    check_known,
    check_tags,
    read_tagged,
    with_types,
)
from mlm_pretrain.finetune.fields import is_number
from mlm_pretrain.finetune.spans import trimmed
from mlm_pretrain.finetune.tag_analysis import analyse_tags
from mlm_pretrain.finetune.task import Task, in_order
from mlm_pretrain.finetune.unused import OF_WINDOWS

NO_WORD = -1
_SHOWN = 5  # tags in a message before it says "…"


class Tagging(Task[TaggedExample]):
    """A tag for each token of a sentence; the first piece of a token carries its tag.

    The tokens are joined by single spaces and tokenised as one text, so that the model sees what
    it saw in pretraining, whether its tokenizer marks word starts (byte-level BPE) or word insides
    (WordPiece); pieces are matched to tokens by their characters. A sentence longer than the model
    is cut into overlapping windows and every token is predicted once, in the window that shows
    most around it.

    Tags that are a letter of a scheme alone (B, I, O), as for keyphrases, are spans of one type:
    they are read as B-SPAN and I-SPAN and counted (`tags_without_type`), unless tag_scheme is
    plain. Tags that are all numbers need label_names, or tag_scheme plain.
    """

    auto_class: ClassVar[str] = "AutoModelForTokenClassification"
    unused: ClassVar[Mapping[str, str]] = OF_WINDOWS
    label_per_token: ClassVar[bool] = True
    typeless: bool | None = None  # whether training's tags lack a type; None: not read yet

    @property
    def metrics(self) -> tuple[str, ...]:
        if self.scheme == "plain":
            return ("accuracy", "f1_macro", "matthews")
        return ("f1", "precision", "recall", "accuracy")

    def read(self, spec: str, split: str) -> list[TaggedExample]:
        examples = read_tagged(spec, split, self.config)
        if self.typeless is None:  # the first file read is the training file
            asked_plain = self.config.tag_scheme == "plain"
            self.typeless = not asked_plain and lack_types(chain(*(e.tags for e in examples)))
        return with_types(examples, self.counts) if self.typeless else examples

    def learn(self, train: Sequence[TaggedExample]) -> None:
        """Labels are all letters of the scheme for every type seen, so that a type whose long
        entities only occur in validation can still be tagged."""
        tags = Counter(tag for example in train for tag in example.tags)
        asked = self.config.tag_scheme
        if len(tags) < 2:
            raise InputError(
                f"{self.config.train}: every tag is '{next(iter(tags))}'",
                "set tags_field to the field or column that has the tags; there must be two or more",
            )
        if asked == "auto" and self.config.label_names is None:
            self._refuse_numbers(tags)
        self.scheme = guess_scheme(tags) if asked == "auto" else asked
        check_tags(train, self.scheme)
        if self.scheme == "plain":
            self.labels = in_order(set(tags), self.config.label_names)
            self.blank = tags.most_common(1)[0][0]
            return
        types = sorted({tag[2:] for tag in tags if tag != "O"})
        self.labels = ["O", *(f"{x}-{kind}" for kind in types for x in letters(self.scheme))]
        self.blank = "O"

    def _refuse_numbers(self, tags: Counter[str]) -> None:
        """Entities whose tags are numbers would be scored token by token, as if they were none."""
        if all(is_number(tag) for tag in tags):
            shown = ", ".join(sorted(tags, key=int)[:_SHOWN])
            raise InputError(
                f"{self.config.train}: the tags are numbers ({shown}{', …' * (len(tags) > _SHOWN)})",
                "name them in order with label_names, such as [O, B-PER, I-PER], or set "
                "tag_scheme=plain where they mark no spans",
            )

    def check(self, examples: Sequence[TaggedExample], spec: str) -> None:
        check_tags(examples, self.scheme)
        seen = [(tag, e.place(i)) for e in examples for i, tag in enumerate(e.tags)]
        check_known(self.labels, seen, spec, self.config.train)

    def encode(
        self,
        examples: Sequence[TaggedExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        texts = [" ".join(example.tokens) for example in examples]
        rows = self._tokenise(texts, tokenizer, max_length)
        windows: list[list[int]] = [[] for _ in examples]
        for row, number in enumerate(rows["overflow_to_sample_mapping"]):
            windows[number].append(row)
        features: list[Feature] = []
        for number, example in enumerate(examples):
            offsets = [rows["offset_mapping"][row] for row in windows[number]]
            places = match_words(example.tokens, texts[number], offsets)
            found = sum(word != NO_WORD for window in places for word in window)
            self.counts["tokens_without_pieces"] += len(example.tokens) - found
            self.counts["sentences_cut_into_windows"] += len(places) > 1
            for row, words in zip(windows[number], places, strict=True):
                if any(word != NO_WORD for word in words):
                    labels, kept = self._targets(example, words, training)
                    inputs = inputs_of(rows, row, names)
                    features.append(Feature(inputs, labels, number, places=kept))
        return features

    def _tokenise(self, texts: list[str], tokenizer: Any, max_length: int) -> Any:
        room = max_length - tokenizer.num_special_tokens_to_add(pair=False)
        return tokenizer(
            texts, truncation=True, max_length=max_length, stride=self.stride(max_length, room),
            verbose=False, return_overflowing_tokens=True, return_offsets_mapping=True,
        )  # fmt: skip

    def _targets(
        self, example: TaggedExample, words: list[int], training: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Labels at the first piece of each word, and the words' places where they are decoded."""
        index = {label: i for i, label in enumerate(self.labels)}
        labels = [index[example.tags[word]] if word != NO_WORD else IGNORED for word in words]
        places = None if training else np.array(words, np.int32)
        return np.array(labels, np.int32), places

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return logits.argmax(-1).numpy()[: len(feature)].astype(np.int32)

    def decode(
        self,
        examples: Sequence[TaggedExample],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        tags = [[self.blank] * len(example.tokens) for example in examples]
        for feature, best in zip(features, outputs, strict=True):
            assert feature.places is not None
            for word, label in zip(feature.places, best, strict=True):
                if word != NO_WORD:
                    tags[feature.example][word] = self.labels[label]
        return [
            {"tokens": e.tokens, "tags": e.tags, "predictions": repair(found, self.scheme)}
            for e, found in zip(examples, tags, strict=True)
        ]

    def analyse(self, splits: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
        return {} if self.scheme == "plain" else analyse_tags(splits)

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        found, true = [row["predictions"] for row in rows], [row["tags"] for row in rows]
        if self.scheme == "plain":
            return label_scores(list(chain(*found)), list(chain(*true)))
        return load_metric("seqeval").compute(
            predictions=found, references=true, scheme=self.scheme
        )


def match_words(
    tokens: Sequence[str], text: str, windows: Sequence[Sequence[tuple[int, int]]]
) -> list[list[int]]:
    """For every piece of every window, the index of the word it stands for, or −1.

    Args:
        tokens: the words, of which `text` is the joining by single spaces.
        windows: characters (start, end) of each piece of each window; empty for special tokens.

    A word that has pieces stands exactly once in the result: at its first piece, in the window
    where the nearer edge is farthest away.
    """
    starts = [0]
    for token in tokens[:-1]:
        starts.append(starts[-1] + len(token) + 1)
    best: dict[int, tuple[tuple[int, int], int, int]] = {}
    for number, pieces in enumerate(windows):
        for word, (start, position) in _first_pieces(text, pieces, starts).items():
            # The word's own beginning first (a window may open inside it), then the most room.
            rank = (-start, min(position, len(pieces) - 1 - position))
            if word not in best or rank > best[word][0]:
                best[word] = (rank, number, position)
    places = [[NO_WORD] * len(pieces) for pieces in windows]
    for word, (_, number, position) in best.items():
        places[number][position] = word
    return places


def _first_pieces(
    text: str, pieces: Sequence[tuple[int, int]], starts: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Of each word in a window: the first character and position of its first piece."""
    found: dict[int, tuple[int, int]] = {}
    for position, offset in enumerate(pieces):
        span = trimmed(text, offset)
        if span is not None:
            found.setdefault(bisect_right(starts, span[0]) - 1, (span[0], position))
    return found
