"""SuperGLUE's rows as rows of texts with a label each, which is what an encoder is fine-tuned on.

Official files have a row a passage (MultiRC, ReCoRD), the Hub's a row an answer or query; both are taken. A
question with several candidates becomes a row a candidate, "true" or "false". What scoring needs, and the
official numbers (`idx`), stay in the rows beside the texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from mlm_pretrain.corpus.shown import brief
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.fields import field_of, text_of
from mlm_pretrain.finetune.outputs import describe_input, write_rows
from mlm_pretrain.finetune.sources import Row, read_rows
from mlm_pretrain.manifest import hash_json

TRUE, FALSE = "true", "false"
_FORM = 1  # of the converted rows: another one is another folder
_TRUTHS = {"true": TRUE, "1": TRUE, "choice2": TRUE, "false": FALSE, "0": FALSE, "choice1": FALSE}
_HIDDEN = (None, "", -1, "-1")
_ASKED = {"cause": "What was the cause of this?", "effect": "What happened as a result?"}
_WRONG_ENTITIES = 4
_BLANK, _BULLET = "@placeholder", "@highlight"
Converted: TypeAlias = dict[str, Any]


def converted_files(name: str, sources: Mapping[str, str], work: Path) -> dict[str, str]:
    """Files of converted rows of the task `name`, a split each, written unless they are there.

    They lie under a name that their sources' content decides, so that a changed source is converted anew.

    Raises:
        InputError: naming the row and the field of what is not of the task's form.
    """
    key = hash_json([_FORM, {split: describe_input(of, None) for split, of in sources.items()}])
    folder = work / "converted" / f"{name}-{key[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    found = {split: folder / f"{split}.jsonl" for split in sources}
    for split, path in found.items():
        if not path.exists():
            aside = path.with_suffix(".partial")
            rows = converted(name, read_rows(sources[split], split))
            write_rows(aside, list(thinned(rows) if split == "train" else rows))
            aside.replace(path)
    return {split: str(path) for split, path in found.items()}


def converted(name: str, rows: list[Row]) -> Iterator[Converted]:
    """Rows of the task `name` as `finetune` takes them; without a label where that is secret."""
    flatten, convert = _CONVERTERS[name]
    for row in rows:
        for each in flatten(row):
            yield from convert(each)


def thinned(rows: Iterable[Converted]) -> Iterator[Converted]:
    """Training rows; of a query's wrong entities (ReCoRD) a few, drawn by its number.

    All would be a million rows, nine of ten of them false.
    """
    for number, of_question in groupby(rows, key=lambda row: json.dumps(row["idx"])):
        found = list(of_question)
        wrong = [n for n, row in enumerate(found) if "entity" in row and row.get("label") == FALSE]
        kept = Random(number).sample(wrong, min(_WRONG_ENTITIES, len(wrong)))
        yield from (row for n, row in enumerate(found) if n not in wrong or n in kept)


def is_labelled(path: str) -> bool:
    """Whether every converted row of a file has a label."""
    return all("label" in row.values for row in read_rows(path, "test"))


def _as_it_is(row: Row) -> Iterator[Row]:
    yield row


def _boolq(row: Row) -> Iterator[Converted]:
    yield _row(row, text_of(row, "question"), text_of(row, "passage"), _truth(row))


def _cb(row: Row) -> Iterator[Converted]:
    label = row.values.get("label")
    is_hidden = label in _HIDDEN
    yield _row(
        row, text_of(row, "premise"), text_of(row, "hypothesis"), None if is_hidden else str(label)
    )


def _copa(row: Row) -> Iterator[Converted]:
    """A row a choice: the premise with what is asked of it, and the choice."""
    asked = text_of(row, "question")
    if asked not in _ASKED:
        raise InputError(f"{row.where}: 'question' is {brief(asked)}", "write cause or effect")
    right = _truth(row)  # of the second choice
    for number in (0, 1):
        label = None if right is None else _named((right == TRUE) == (number == 1))
        text = f"{text_of(row, 'premise')} {_ASKED[asked]}"
        yield {**_row(row, text, text_of(row, f"choice{number + 1}"), label), "choice": number}


def _wic(row: Row) -> Iterator[Converted]:
    text = f"{text_of(row, 'word')}: {text_of(row, 'sentence1')}"
    yield _row(row, text, text_of(row, "sentence2"), _truth(row))


def _flat_multirc(row: Row) -> Iterator[Row]:
    """A row an answer, as the Hub has it."""
    if not isinstance(row.values.get("passage"), dict):
        yield row
        return
    passage = Row(row.values["passage"], row.where)
    for question in _rows_in(passage, "questions"):
        for answer in _rows_in(question, "answers"):
            numbers = {"paragraph": row, "question": question, "answer": answer}
            values = {
                "paragraph": text_of(passage, "text"),
                "question": text_of(question, "question"),
                "answer": text_of(answer, "text"),
                "idx": {name: field_of(of, "idx") for name, of in numbers.items()},
                "label": answer.values.get("label"),
            }
            yield Row(values, row.where)


def _multirc(row: Row) -> Iterator[Converted]:
    text = f"{text_of(row, 'question')} {text_of(row, 'answer')}"
    yield _row(row, text_of(row, "paragraph"), text, _truth(row))


def _flat_record(row: Row) -> Iterator[Row]:
    """A row a query, as the Hub has it. The end of an entity is the place of its last character."""
    if "qas" not in row.values:
        yield row
        return
    passage = Row(field_of(row, "passage"), row.where)
    text = text_of(passage, "text")
    spans = [
        (field_of(entity, "start"), field_of(entity, "end"))
        for entity in _rows_in(passage, "entities")
    ]
    for query in _rows_in(row, "qas"):
        values = {
            "passage": text,
            "query": text_of(query, "query"),
            "entities": [text[start : end + 1] for start, end in spans],
            "idx": {"passage": field_of(row, "idx"), "query": field_of(query, "idx")},
        }
        if query.values.get("answers"):
            values["answers"] = [text_of(answer, "text") for answer in _rows_in(query, "answers")]
        yield Row(values, row.where)


def _record(row: Row) -> Iterator[Converted]:
    """A row an entity, put in the query's place; each entity once."""
    passage = " ".join(text_of(row, "passage").replace(_BULLET, " ").split())
    query = text_of(row, "query")
    if _BLANK not in query:
        raise InputError(f"{row.where}: no {_BLANK} in 'query' ({brief(query)})")
    answers = list(dict.fromkeys(row.values.get("answers") or []))
    for entity in dict.fromkeys(field_of(row, "entities")):
        label = _named(entity in answers) if answers else None
        made = _row(row, passage, query.replace(_BLANK, entity), label)
        yield {**made, "entity": entity, **({"answers": answers} if answers else {})}


def _row(row: Row, text: str, pair: str, label: str | None) -> Converted:
    given = {} if label is None else {"label": label}
    return {"text": text, "text_pair": pair, **given, "idx": field_of(row, "idx")}


def _rows_in(row: Row, name: str) -> list[Row]:
    found = field_of(row, name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(f"{row.where}: '{name}' is not a list of objects")
    return [Row(each, row.where) for each in found]


def _truth(row: Row) -> str | None:
    """The label as a word; None where it is secret."""
    label = row.values.get("label")
    if label in _HIDDEN:
        return None
    if (word := str(label).lower()) not in _TRUTHS:
        raise InputError(f"{row.where}: the label is {brief(label)}", "write true or false")
    return _TRUTHS[word]


def _named(truth: bool) -> str:
    return TRUE if truth else FALSE


_Flatten: TypeAlias = Callable[[Row], Iterator[Row]]
_Convert: TypeAlias = Callable[[Row], Iterator[Converted]]
_CONVERTERS: dict[str, tuple[_Flatten, _Convert]] = {
    "BoolQ": (_as_it_is, _boolq),
    "CB": (_as_it_is, _cb),
    "COPA": (_as_it_is, _copa),
    "MultiRC": (_flat_multirc, _multirc),
    "ReCoRD": (_flat_record, _record),
    "WiC": (_as_it_is, _wic),
}
