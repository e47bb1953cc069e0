"""The values of one labelled row, each checked when it is read and named by its place."""

from __future__ import annotations

import json
import math
from typing import Any

from mlm_pretrain.corpus.shown import brief, listing
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.sources import Row

# What stands for yes and no where a format has no booleans (CSV, some JSON writers).
_YES = ("true", "yes", "1", "1.0")
_NO = ("false", "no", "0", "0.0", "", "none", "null", "nan")
_MOST_DIGITS = 18


def field_of(row: Row, name: str, setting: str = "") -> Any:
    """A value that has to be there; `setting` is what names the field, if anything does."""
    if name not in row.values or row.values[name] is None:
        have = listing(key for key, value in row.values.items() if value is not None)
        way_out = f"name it: {setting}" if setting else f"every row needs '{name}'"
        raise InputError(f"{row.where}: no field '{name}' (it has: {have})", way_out)
    return row.values[name]


def text_of(row: Row, name: str, setting: str = "") -> str:
    value = field_of(row, name, setting)
    if not isinstance(value, str):
        raise InputError(f"{row.where}: '{name}' is {type(value).__name__}, not text")
    return whole(value, name, row.where)


def list_of(row: Row, name: str, setting: str) -> list[Any]:
    value = structure(field_of(row, name, setting), row.where)
    if not isinstance(value, list):
        raise InputError(f"{row.where}: '{name}' is {type(value).__name__}, not a list")
    return value


def texts_of(row: Row, name: str, setting: str) -> list[str]:
    values = list_of(row, name, setting)
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{row.where}: '{name}' holds something that is not text")
    return [whole(value, name, row.where) for value in values]


def whole(text: str, name: str, where: str) -> str:
    """`text`, unless JSON gave half of a character (a lone surrogate), which nothing can encode, or
    a NUL, which no text holds."""
    if "\0" in text:
        raise InputError(f"{where}: '{name}' has a NUL character", "remove it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise InputError(
            f"{where}: '{name}' has half a character (\\u{ord(half):04x}) at character "
            f"{error.start}",
            "a text was cut inside an emoji or the like; write the character whole, or remove it",
        ) from None
    return text


def truth_of(row: Row, name: str) -> bool:
    """A yes or no that may be missing (no), and may be given as text or number."""
    value = row.values.get(name)
    word = value.strip().lower() if isinstance(value, str) else brief(value).lower()
    if word not in _YES + _NO:
        raise InputError(f"{row.where}: '{name}' is {brief(value)}", "write true or false")
    return word in _YES


def structure(value: Any, where: str) -> Any:
    """Lists and objects that stand as JSON in a CSV cell."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: expected a JSON list or object, found {brief(value)}") from None


def label_of(value: Any, where: str, config: FinetuneConfig) -> str:
    """A label or tag as text. Whole numbers, also written as text, are places in `label_names`.

    A text that is itself one of the names stays: classes may be called 1 to 5.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float) or not isinstance(value, str | int):
        raise InputError(
            f"{where}: {brief(value)} is not a label (text or a whole number)",
            "for quantities: `finetune regression`",
        )
    if isinstance(value, str):
        value = whole(value, "label", where).strip()
    names = config.label_names
    if names is None or (isinstance(value, str) and (value in names or not is_number(value))):
        return str(value)
    return _named(int(value), names, where)


def quantity_of(value: Any, where: str, config: FinetuneConfig) -> float:
    """A number, also written as text; none that is not finite."""
    try:
        if isinstance(value, bool | None):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            f"{where}: {brief(value)} is not a finite number", "give quantities as labels"
        )
    return number


def label_set_of(value: Any, where: str, config: FinetuneConfig) -> tuple[str, ...]:
    """Labels of a list, none, one or several, each as `label_of` reads it."""
    values = structure(value, where)
    if not isinstance(values, list):
        raise InputError(
            f"{where}: {brief(value)} is not a list of labels",
            "write one even for a single label; `finetune sentiment` is for one label each",
        )
    return tuple(dict.fromkeys(label_of(each, where, config) for each in values))


def is_number(text: str) -> bool:
    """Whether `text` is a whole number in digits, and not so many that it counts nothing."""
    digits = text.removeprefix("-")
    return text.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS


def _named(number: int, names: list[str], where: str) -> str:
    if number >= len(names):
        raise InputError(f"{where}: label {number}, but label_names has {len(names)}")
    return str(number) if number < 0 else names[number]
