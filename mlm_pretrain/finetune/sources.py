"""Rows of labelled data from files and from the Hub, each with the place it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus.docs_tasks.summaries import docstring_summaries
from mlm_pretrain.corpus.opening import how_to_unpack, inner_suffix
from mlm_pretrain.corpus.shown import brief
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.conll import parse_conll
from mlm_pretrain.finetune.lines import labelled_lines
from mlm_pretrain.finetune.tables import parse_table

HUB = "hf:"
DOCS = "installed-docs"


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled row. `where` is "path:line"; `lines` holds a line per token in CoNLL files."""

    values: dict[str, Any]
    where: str
    lines: tuple[int, ...] = ()


def is_installed_docs(spec: str) -> bool:
    """Whether `spec` is `installed-docs[:LIBRARY,…]`, which has a train, validation and test side."""
    return spec.partition(":")[0] == DOCS


def read_rows(spec: str, split: str) -> list[Row]:
    """All rows of a file, or of `hf:NAME[:config][@split]` (`split` when none is named).

    Hub columns of class labels come as names instead of numbers (−1, unlabelled, stays). Of
    `installed-docs` the rows are docstrings (`text`) and their summary lines (`summary`).

    Raises:
        InputError: a missing, damaged or empty file, an unknown format, an unreadable line.
    """
    rows = list(_reader(spec, split))
    if not rows:
        raise InputError(f"{spec}: 0 rows", f"give a {split} file with labelled rows")
    return rows


def _reader(spec: str, split: str) -> Iterator[Row]:
    if spec.startswith(HUB):
        return _read_hub(spec, split)
    return _read_docs(spec, split) if is_installed_docs(spec) else _read_file(Path(spec))


def _read_docs(spec: str, split: str) -> Iterator[Row]:
    for values, name in docstring_summaries(spec.partition(":")[2])[split]:
        yield Row(dict(values), f"{spec}: {name}")


def _read_file(path: Path) -> Iterator[Row]:
    reader = _READERS.get(inner_suffix(path))
    if reader is None:
        known = f"known: {', '.join(sorted(_READERS))}, plain or with .gz or .zst"
        raise InputError(f"{path}: unknown format", how_to_unpack(path) or known)
    return reader(path, labelled_lines(path))


def _read_jsonl(path: Path, lines: list[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield Row(_object(_parse_json(line, path, number), where), where)


def _read_json(path: Path, lines: list[str]) -> Iterator[Row]:
    """A list of rows, `{"data": [rows]}`, or the official nested SQuAD file."""
    content = _parse_json("\n".join(lines), path)
    if isinstance(content, dict):
        content = content.get("data")
    if not isinstance(content, list):
        raise InputError(f"{path}: expected a list of rows, or an object with 'data'")
    for number, item in enumerate(content, start=1):
        where = f"{path}: row {number}"
        row = _object(item, where)
        if isinstance(row.get("paragraphs"), list):
            yield from _unnest_squad(path, number, row)
        else:
            yield Row(row, where)


def _unnest_squad(path: Path, number: int, article: dict[str, Any]) -> Iterator[Row]:
    for index, paragraph in enumerate(article["paragraphs"], start=1):
        place = f"{path}: article {number}, paragraph {index}"
        block = _object(paragraph, place)
        questions = block.get("qas", [])
        if not isinstance(questions, list):
            raise InputError(f"{place}: 'qas' is {type(questions).__name__}, not a list")
        for question in questions:
            fields = _object(question, place)
            values = {"title": article.get("title", ""), "context": block.get("context"), **fields}
            yield Row(values, f"{place}, question {brief(fields.get('id'))}")


def _read_table(path: Path, lines: list[str]) -> Iterator[Row]:
    for values, number in parse_table(path, lines, tabs=inner_suffix(path) == ".tsv"):
        yield Row(values, f"{path}:{number}")


def _read_conll(path: Path, lines: list[str]) -> Iterator[Row]:
    for tokens, tags, numbers in parse_conll(path, lines):
        yield Row({"tokens": tokens, "ner_tags": tags}, f"{path}:{numbers[0]}", tuple(numbers))


_READERS = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".conll": _read_conll,
    ".conllu": _read_conll,
    ".txt": _read_conll,
}


def _read_hub(spec: str, split: str) -> Iterator[Row]:
    """Rows through `datasets`, imported here because it takes seconds."""
    import datasets

    name, _, chosen = spec.removeprefix(HUB).partition("@")
    name, _, config = name.partition(":")
    try:
        data = datasets.load_dataset(name, config or None, split=chosen or split)
    except Exception as error:  # the library raises a dozen unrelated classes here
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{spec}: {first}", "check the name, the config after ':' and the split after '@'"
        ) from None
    names = {column: found for column, kind in data.features.items() if (found := _names(kind))}
    for number, values in enumerate(data):
        named = {key: _named(value, names.get(key)) for key, value in values.items()}
        yield Row(named, f"{spec}: row {number}")


def _names(kind: Any) -> list[str] | None:
    """Names of a class-label column, or of a column of lists of class labels."""
    return getattr(kind, "names", None) or getattr(getattr(kind, "feature", None), "names", None)


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if 0 <= value < len(names) else value


def _parse_json(text: str, path: Path, line: int = 1) -> Any:
    """The value in `text`, which begins at `line` of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path}:{line + error.lineno - 1}"
        hint = "an object a line is called .jsonl" if error.msg == "Extra data" else ""
        problem = f"{place}: not valid JSON ({error.msg} at column {error.colno})"
        raise InputError(problem, hint) from None
    except (RecursionError, ValueError) as error:  # nested too deeply; a number of 5,000 digits
        raise InputError(f"{path}:{line}: not usable JSON ({error})") from None


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object with named fields")
    return value
