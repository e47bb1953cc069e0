"""The texts of a task's files that a corpus must not hold, whatever the kind of task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.domain.overlap.letters import words_of
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig
from mlm_pretrain.finetune.fields import text_of, texts_of
from mlm_pretrain.finetune.pairs import read_documents, read_translations
from mlm_pretrain.finetune.sources import read_rows

# The files that judge a model. Training texts may be in the corpus: to pretrain on them is honest.
HELD_OUT = ("validation", "test", "unlabelled")
_Texts: TypeAlias = Iterator[tuple[str, str]]  # a text, and the row it stands in
# Settings of `finetune` that say where in a row its texts are.
_READING = (
    "text_field", "text_pair_field", "tokens_field", "summary_field", "source_field", "target_field",
    "source_language", "target_language",
)  # fmt: skip


@dataclass
class HeldOutText:
    """One text of a task's files; equal ones are one.

    Attributes:
        text: as the first of its rows has it; the tokens of a tagged sentence with blanks between.
        where: "path:line" of that row.
        rows: by split, how many rows hold it.
    """

    text: str
    where: str
    rows: Counter[str] = field(default_factory=Counter)


def held_out_texts(task: LabelledTask) -> list[HeldOutText]:
    """The texts of the task's validation, test and unlabelled files, in order, each once.

    Labels are not looked at: they may be missing.

    Raises:
        InputError: for a file or row that cannot be read, and for files without any text.
    """
    found: dict[str, HeldOutText] = {}
    for split in HELD_OUT:
        for text, where in texts_of_split(task, split):
            key = "".join(words_of(text))
            if key:
                found.setdefault(key, HeldOutText(text, where)).rows[split] += 1
    if not found:
        raise InputError(
            f"{task.name}: no text in its validation and test files", "name the fields they are in"
        )
    return list(found.values())


def reading_settings(task: LabelledTask) -> dict[str, Any]:
    """The settings that decide what `texts_of_split` reads of the task's files."""
    config = task.config("", 0)
    return {name: getattr(config, name) for name in _READING}


def texts_of_split(task: LabelledTask, split: str) -> Iterator[tuple[str, str]]:
    """Texts of a split's file and the rows they stand in, all of them; nothing where there is no such file.

    Raises:
        InputError: for a file or row that cannot be read.
    """
    config = task.config("", 0)
    if spec := getattr(config, split):
        yield from _READERS[task.kind](spec, split, config)


def _plain(spec: str, split: str, config: FinetuneConfig) -> _Texts:
    for row in read_rows(spec, _hub_split(split)):
        yield text_of(row, config.text_field, "text_field"), row.where
        if config.text_pair_field in row.values:
            yield text_of(row, config.text_pair_field, "text_pair_field"), row.where


def _tagged(spec: str, split: str, config: FinetuneConfig) -> _Texts:
    for row in read_rows(spec, _hub_split(split)):
        name = "tokens" if row.lines else config.tokens_field  # CoNLL columns have no names
        yield " ".join(texts_of(row, name, "tokens_field")), row.where


def _questions(spec: str, split: str, config: FinetuneConfig) -> _Texts:
    for row in read_rows(spec, _hub_split(split)):
        yield text_of(row, "context"), row.where
        yield text_of(row, "question"), row.where


def _documents(spec: str, split: str, config: FinetuneConfig) -> _Texts:
    for pair in read_documents(spec, _hub_split(split), config):
        yield pair.source, pair.where
        yield pair.target, pair.where


def _translations(spec: str, split: str, config: FinetuneConfig) -> _Texts:
    for pair in read_translations(spec, _hub_split(split), config):
        yield pair.source, pair.where
        yield pair.target, pair.where


def _hub_split(split: str) -> str:
    """Rows without labels are a data set's test split."""
    return "test" if split == "unlabelled" else split


_READERS: Mapping[str, Callable[[str, str, FinetuneConfig], _Texts]] = {
    "sentiment": _plain,
    "cloze": _plain,
    "multilabel": _plain,
    "regression": _plain,
    "ner": _tagged,
    "qa": _questions,
    "summarization": _documents,
    "translation": _translations,
}
