"""Questions on contexts, in SQuAD's fields."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mlm_pretrain.corpus.shown import brief, cut
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import Faults
from mlm_pretrain.finetune.fields import field_of, structure, text_of, truth_of, whole
from mlm_pretrain.finetune.sources import Row, read_rows


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question on a context. `answers` are (first character, text); none: unanswerable."""

    id: str
    question: str
    context: str
    answers: list[tuple[int, str]]
    where: str


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
            problem = f"{row.where}: id '{cut(example.id, 60)}' is also at {ids[example.id]}"
            raise InputError(problem, "give every question an id of its own, or none")
        ids[example.id] = row.where
        if bad:
            faults.add(row.where, bad)
            if not example.answers:
                counts[f"{split}_dropped_bad_answer"] += 1
                continue
        examples.append(example)
    counts[f"{split}_rows_with_bad_answers"] = len(faults.found)
    _refuse_bad_answers(spec, faults, len(rows), bool(examples), config)
    return examples


def _refuse_bad_answers(
    spec: str, faults: Faults, rows: int, any_left: bool, config: FinetuneConfig
) -> None:
    """Refuse more than the share that may be dropped, and any share if nothing is left."""
    if len(faults.found) > config.max_bad_answers * rows:
        raise InputError(
            f"{spec}: {len(faults.found)} of {rows} rows have an answer that is not in the "
            f"context where it should be:\n  {faults.listing()}",
            f"correct them, or allow a share to be dropped: max_bad_answers (now "
            f"{config.max_bad_answers})",
        )
    if not any_left:
        raise InputError(
            f"{spec}: no question is left: no answer is in its context where it should be:\n"
            f"  {faults.listing()}",
            "correct them",
        )


def _question(row: Row, number: int) -> tuple[QuestionExample, str]:
    """The example with its sound answers, and what is wrong with the first unsound one."""
    context = text_of(row, "context")
    question = text_of(row, "question").strip()
    given = [] if truth_of(row, "is_impossible") else _answers(row)
    sound = [(start, text) for start, text in given if _is_there(context, start, text)]
    unsound = [(start, text) for start, text in given if not _is_there(context, start, text)]
    reason = f"{brief(unsound[0][1])} is not at character {unsound[0][0]}" if unsound else ""
    return QuestionExample(_id(row, number), question, context, sound, row.where), reason


def _id(row: Row, number: int) -> str:
    """The id as text; the row's number where there is none."""
    given = row.values.get("id")
    if given is not None and not isinstance(given, str | int | float):
        raise InputError(f"{row.where}: 'id' is {type(given).__name__}, not text or a number")
    return whole(str(number if given is None else given), "id", row.where)


def _is_there(context: str, start: int, text: str) -> bool:
    return bool(text.strip()) and start >= 0 and context[start : start + len(text)] == text


def _answers(row: Row) -> list[tuple[int, str]]:
    given = structure(field_of(row, "answers"), row.where)
    try:
        if isinstance(given, dict):
            pairs = list(zip(_list(given["answer_start"]), _list(given["text"]), strict=True))
        else:
            pairs = [(answer["answer_start"], answer["text"]) for answer in given]
        return [(_place(start), _text(text)) for start, text in pairs]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(
            f"{row.where}: 'answers' needs 'text' and 'answer_start'",
            'for example {"text": ["Paris"], "answer_start": [17]}; empty lists for no answer',
        ) from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _place(value: Any) -> int:
    """A whole number, also as text or (from tables with gaps) with a fraction of nothing."""
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError
    return int(value)
