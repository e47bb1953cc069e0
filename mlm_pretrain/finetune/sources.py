"""Rows of labelled data from files and from the Hub, each with the place it came from."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.conll import parse_conll

_COMPRESSIONS = (".gz", ".zst")
HUB = "hf:"
_LONGEST_FIELD = 2**31 - 1  # characters: csv's own limit, 131,072, is less than a long text


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled row. `where` is "path:line"; `lines` holds a line per token in CoNLL files."""

    values: dict[str, Any]
    where: str
    lines: tuple[int, ...] = ()


def read_rows(spec: str, split: str) -> list[Row]:
    """All rows of a file, or of `hf:NAME[:config][@split]` (`split` when none is named).

    Hub columns of class labels come as names instead of numbers (−1, unlabelled, stays).

    Raises:
        InputError: a missing, damaged or empty file, an unknown format, an unreadable line.
    """
    rows = list(_read_hub(spec, split) if spec.startswith(HUB) else _read_file(Path(spec)))
    if not rows:
        raise InputError(f"{spec}: 0 rows", f"give a {split} file with labelled rows")
    return rows


def _read_file(path: Path) -> Iterator[Row]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = [suffix for suffix in suffixes if suffix not in _COMPRESSIONS][-1:]
    reader = _READERS.get(kind[0] if kind else "")
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise InputError(f"{path}: unknown format", f"known: {known}, plain or with .gz or .zst")
    lines = _decode(path, _read_bytes(path))
    return reader(path, lines)


def _read_bytes(path: Path) -> bytes:
    import zstandard

    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            return gzip.decompress(data)
        if path.suffix.lower() == ".zst":
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as stream:
                return stream.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "check the path") from None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"{path}: cannot be read ({error})", "fetch the file again") from None
    return data


def _decode(path: Path, data: bytes) -> list[str]:
    """Lines without their ends (LF or CRLF); a byte-order mark is removed."""
    lines = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            lines.append(raw.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}: not UTF-8 ({error.reason} at byte {error.start})",
                "convert the file to UTF-8",
            ) from None
    return lines


def _read_jsonl(path: Path, lines: list[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield Row(_object(_parse_json(line, f"{path}:{number}"), f"{path}:{number}"),
                      f"{path}:{number}")  # fmt: skip


def _read_json(path: Path, lines: list[str]) -> Iterator[Row]:
    """A list of rows, `{"data": [rows]}`, or the official nested SQuAD file."""
    content = _parse_json("\n".join(lines), str(path))
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
        for question in block.get("qas", []):
            fields = _object(question, place)
            values = {"title": article.get("title", ""), "context": block.get("context"), **fields}
            yield Row(values, f"{place}, question {fields.get('id')}")


def _read_csv(path: Path, lines: list[str]) -> Iterator[Row]:
    """Comma-separated with quotes, or (.tsv) tab-separated, where a quote is text as in GLUE."""
    csv.field_size_limit(_LONGEST_FIELD)
    rows = (line + "\n" for line in lines)
    if ".tsv" in path.name.lower():
        reader = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.DictReader(rows, strict=True)
    try:
        names = _header(path, reader.fieldnames)
        for values in reader:
            where = f"{path}:{reader.line_num}"
            if None in values or None in values.values():
                raise InputError(f"{where}: more or fewer than the header's {len(names)} columns")
            yield Row(dict(values), where)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not valid CSV ({error})") from None


def _header(path: Path, names: Sequence[str] | None) -> Sequence[str]:
    """The columns' names: of two that are equal, one would silently hide the other."""
    names = names or []  # an empty first line: its rows have too many columns
    # A nameless first column is the index that pandas writes; nothing is read from it.
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        problem = f"{path}:1: more than one column is named {', '.join(map(repr, twice))}"
        raise InputError(problem, "name them differently")
    return names


def _read_conll(path: Path, lines: list[str]) -> Iterator[Row]:
    for tokens, tags, numbers in parse_conll(path, lines):
        yield Row({"tokens": tokens, "ner_tags": tags}, f"{path}:{numbers[0]}", tuple(numbers))


_READERS = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
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


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not valid JSON ({error.msg} at column {error.colno})") from None


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object with named fields")
    return value
