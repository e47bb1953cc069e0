"""Examples of the three kinds of task, read and checked before anything is trained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics.tag_schemes import malformed
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.sources import Row, read_rows

# Rows and labels listed in a message before it says "and N more".
_SHOWN = 5
UNLABELLED = ("-1", "-100")


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text, or a pair of texts, and its label."""

    text: str
    text_pair: str | None
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class TaggedExample:
    """A sentence of tokens, each with a tag."""

    tokens: list[str]
    tags: list[str]
    where: str
    lines: tuple[int, ...] = ()

    def place(self, position: int) -> str:
        """File and line of one token."""
        if self.lines:
            return f"{self.where.rpartition(':')[0]}:{self.lines[position]}"
        return f"{self.where}: token {position + 1} {self.tokens[position]!r}"


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question on a context. `answers` are (first character, text); none: unanswerable."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]
    where: str


@dataclass
class Faults:
    """Rows that cannot be used, collected so that one message lists them all."""

    found: list[str] = field(default_factory=list)

    def add(self, where: str, reason: str) -> None:
        self.found.append(f"{where}: {reason}")

    def listing(self) -> str:
        shown = "\n  ".join(self.found[:_SHOWN])
        more = len(self.found) - _SHOWN
        return shown + (f"\n  and {more} more" if more > 0 else "")


def read_texts(spec: str, split: str, config: FinetuneConfig) -> list[TextExample]:
    """Single texts or pairs. Labels may be text, whole numbers or booleans.

    Raises:
        InputError: a missing field, a label of −1 (all such rows listed), pairs in some rows only.
    """
    rows = read_rows(spec, split)
    paired = config.text_pair_field in rows[0].values
    examples, faults = [], Faults()
    for row in rows:
        text = _text(row, config.text_field)
        if paired != (config.text_pair_field in row.values):
            problem = f"{row.where}: '{config.text_pair_field}' is in some rows and not in others"
            raise InputError(problem)
        pair = _text(row, config.text_pair_field) if paired else None
        label = _label(_field(row, config.label_field, "label_field"), row.where, config)
        if label in UNLABELLED:
            faults.add(row.where, f"label {label}")
        examples.append(TextExample(text, pair, label, row.where))
    _refuse_unlabelled(spec, faults, len(rows))
    return examples


def read_tagged(spec: str, split: str, config: FinetuneConfig) -> list[TaggedExample]:
    """Tokens with their tags.

    Raises:
        InputError: at file and line, for a missing field, no tokens, or lengths that differ.
    """
    examples, faults = [], Faults()
    rows = read_rows(spec, split)
    columns = bool(rows[0].lines)  # CoNLL columns have places, not names
    tokens_field = "tokens" if columns else config.tokens_field
    tags_field = "ner_tags" if columns else config.tags_field
    for row in rows:
        tokens = _texts(row, tokens_field, "tokens_field")
        tags = [_label(tag, row.where, config) for tag in _list(row, tags_field, "tags_field")]
        if len(tokens) != len(tags):
            raise InputError(f"{row.where}: {len(tokens)} tokens but {len(tags)} tags")
        if not tokens:
            raise InputError(f"{row.where}: no tokens", "remove the row")
        if set(tags) & set(UNLABELLED):
            faults.add(row.where, "a tag of -1")
        examples.append(TaggedExample(tokens, tags, row.where, row.lines))
    _refuse_unlabelled(spec, faults, len(rows))
    return examples


def check_tags(examples: Sequence[TaggedExample], scheme: str) -> None:
    """Refuse tags that break `scheme`, listing every such sentence's file, line and tag."""
    if scheme == "plain":
        return
    faults = Faults()
    for example in examples:
        fault = malformed(example.tags, scheme)
        if fault:
            faults.add(example.place(fault[0]), fault[1])
    if faults.found:
        raise InputError(
            f"{len(faults.found)} of {len(examples)} sentences have malformed tags:\n  "
            + faults.listing(),
            "correct the tags, or set tag_scheme (iob1, iob2, iobes, bilou, or plain for no spans)",
        )


def check_known(
    labels: Sequence[str], seen: Sequence[tuple[str, str]], spec: str, train: str
) -> None:
    """Refuse labels that training never shows. `seen` holds (label, where)."""
    known = set(labels)
    unknown = [(label, where) for label, where in seen if label not in known]
    if not unknown:
        return
    names = Counter(label for label, _ in unknown)
    faults = Faults([f"{where}: {label}" for label, where in unknown])
    raise InputError(
        f"{spec}: labels that {train} does not have: "
        + ", ".join(f"{name} ({count} times)" for name, count in names.most_common())
        + f"\n  {faults.listing()}",
        "add training rows with these labels, or remove the rows",
    )


def read_questions(
    spec: str, split: str, config: FinetuneConfig, counts: Counter[str]
) -> list[QuestionExample]:
    """Questions in SQuAD's fields, flat or in the official nested file.

    Answers whose text is not at the place they name are dropped and counted; a row with no answer
    left is dropped too.

    Raises:
        InputError: when more than `max_bad_answers` of the rows have such an answer (the first
            ones are listed), for a missing field, or an id given twice.
    """
    examples, faults = [], Faults()
    ids: dict[str, str] = {}
    for row in (rows := read_rows(spec, split)):
        example, bad = _question(row, len(ids))
        if example.id in ids:
            raise InputError(f"{row.where}: id '{example.id}' is also at {ids[example.id]}")
        ids[example.id] = row.where
        if bad:
            faults.add(row.where, bad)
            if not example.answers:
                counts[f"{split}_dropped_bad_answer"] += 1
                continue
        examples.append(example)
    counts[f"{split}_rows_with_bad_answers"] = len(faults.found)
    if len(faults.found) > config.max_bad_answers * len(rows):
        raise InputError(
            f"{spec}: {len(faults.found)} of {len(rows)} rows have an answer that is not in the "
            f"context where it should be:\n  {faults.listing()}",
            f"correct them, or allow a share to be dropped: max_bad_answers (now "
            f"{config.max_bad_answers})",
        )
    return examples


def _question(row: Row, number: int) -> tuple[QuestionExample, str]:
    """The example with its sound answers, and what is wrong with the first unsound one."""
    context = _text(row, "context")
    question = _text(row, "question").strip()
    given = [] if row.values.get("is_impossible") else _answers(row)
    sound = [(start, text) for start, text in given if _is_there(context, start, text)]
    unsound = [(start, text) for start, text in given if not _is_there(context, start, text)]
    reason = f"{unsound[0][1]!r} is not at character {unsound[0][0]}" if unsound else ""
    key = str(row.values.get("id", number))
    return QuestionExample(key, question, context, sound, row.where), reason


def _is_there(context: str, start: int, text: str) -> bool:
    return bool(text.strip()) and start >= 0 and context[start : start + len(text)] == text


def _answers(row: Row) -> list[tuple[int, str]]:
    given = _structure(_field(row, "answers", "answers"), row.where)
    try:
        if isinstance(given, dict):
            pairs = list(zip(given["answer_start"], given["text"], strict=True))
        else:
            pairs = [(answer["answer_start"], answer["text"]) for answer in given]
        return [(int(start), str(text)) for start, text in pairs]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{row.where}: 'answers' needs 'text' and 'answer_start'",
            'for example {"text": ["Paris"], "answer_start": [17]}; empty lists for no answer',
        ) from None


def _field(row: Row, name: str, setting: str) -> Any:
    if name not in row.values or row.values[name] is None:
        have = ", ".join(key for key, value in row.values.items() if value is not None)
        raise InputError(f"{row.where}: no field '{name}' (it has: {have})", f"name it: {setting}")
    return row.values[name]


def _text(row: Row, name: str) -> str:
    value = _field(row, name, "text_field, text_pair_field")
    if not isinstance(value, str):
        raise InputError(f"{row.where}: '{name}' is {type(value).__name__}, not text")
    return value


def _list(row: Row, name: str, setting: str) -> list[Any]:
    value = _structure(_field(row, name, setting), row.where)
    if not isinstance(value, list):
        raise InputError(f"{row.where}: '{name}' is {type(value).__name__}, not a list")
    return value


def _texts(row: Row, name: str, setting: str) -> list[str]:
    values = _list(row, name, setting)
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{row.where}: '{name}' holds something that is not text")
    return values


def _structure(value: Any, where: str) -> Any:
    """Lists and objects that stand as JSON in a CSV cell."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise InputError(f"{where}: expected a JSON list or object, found {value[:40]!r}") from None


def _label(value: Any, where: str, config: FinetuneConfig) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float) or not isinstance(value, str | int):
        raise InputError(
            f"{where}: {value!r} is not a label (text or a whole number)",
            "fine-tuning learns classes, not quantities",
        )
    if isinstance(value, str) or config.label_names is None or value < 0:
        return str(value).strip()
    if value >= len(config.label_names):
        raise InputError(f"{where}: label {value}, but label_names has {len(config.label_names)}")
    return config.label_names[value]


def _refuse_unlabelled(spec: str, faults: Faults, rows: int) -> None:
    if faults.found:
        raise InputError(
            f"{spec}: {len(faults.found)} of {rows} rows have no label (−1 marks a missing one):"
            f"\n  {faults.listing()}",
            "give labelled rows; test sets of public benchmarks often hide theirs",
        )
