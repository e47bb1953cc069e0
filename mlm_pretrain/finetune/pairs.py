"""Pairs of a text that is read and a text that is written, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlm_pretrain.corpus.shown import listing
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import Faults
from mlm_pretrain.finetune.fields import field_of, structure, text_of
from mlm_pretrain.finetune.sources import Row, read_rows

# What data sets call the two, beside the name that the setting has by itself.
_TEXTS = ("text", "document", "article", "dialogue")
_SUMMARIES = ("summary", "highlights", "target")
_BY_LANGUAGE = "translation"


@dataclass(frozen=True, slots=True)
class TextPair:
    """`source` is read, `target` written."""

    source: str
    target: str
    where: str


def read_documents(spec: str, split: str, config: FinetuneConfig) -> list[TextPair]:
    """Texts and their summaries, under the settings' names or one of the usual ones.

    Raises:
        InputError: a missing field, several that it could be, a text or summary that is empty (all
            such rows listed).
    """
    rows = read_rows(spec, split)
    text = _name(rows[0], "text_field", config, _TEXTS)
    summary = _name(rows[0], "summary_field", config, _SUMMARIES)

    def read(row: Row) -> tuple[str, str]:
        return text_of(row, text, "text_field"), text_of(row, summary, "summary_field")

    return _pairs(spec, rows, read, (text, summary))


def read_translations(spec: str, split: str, config: FinetuneConfig) -> list[TextPair]:
    """Texts and their translations: two fields, or `translation` with a text a language.

    Raises:
        InputError: as `read_documents`; for languages that are not named or not there.
    """
    rows = read_rows(spec, split)

    def read(row: Row) -> tuple[str, str]:
        if _BY_LANGUAGE in row.values and config.source_field not in row.values:
            return _by_language(row, config)
        source = text_of(row, config.source_field, "source_field")
        return source, text_of(row, config.target_field, "target_field")

    return _pairs(spec, rows, read, (config.source_field, config.target_field))


def _name(row: Row, setting: str, config: FinetuneConfig, usual: Sequence[str]) -> str:
    """The field to read: the one asked for, else the one of the usual names that the rows have."""
    asked: str = getattr(config, setting)
    found = [name for name in usual if row.values.get(name) is not None]
    if asked != usual[0] or asked in found:
        return asked
    if not found:
        field_of(row, asked, f"{setting} (or call it {', '.join(usual[1:])})")
    if len(found) > 1:
        raise InputError(
            f"{row.where}: which is meant, {' or '.join(found)}?", f"name it: {setting}"
        )
    return found[0]


def _pairs(
    spec: str,
    rows: Sequence[Row],
    read: Callable[[Row], tuple[str, str]],
    names: tuple[str, str],
) -> list[TextPair]:
    pairs, faults = [], Faults()
    for row in rows:
        source, target = read(row)
        for name, text in zip(names, (source, target), strict=True):
            if not text.strip():
                faults.add(row.where, f"an empty '{name}'")
        pairs.append(TextPair(source, target, row.where))
    if faults.found:
        raise InputError(
            f"{spec}: {len(faults.found)} empty texts in {len(rows)} rows:\n  {faults.listing()}",
            "fill or remove these rows; test sets of public benchmarks often hide their targets",
        )
    return pairs


def _by_language(row: Row, config: FinetuneConfig) -> tuple[str, str]:
    texts = structure(row.values[_BY_LANGUAGE], row.where)
    if not isinstance(texts, dict):
        raise InputError(f"{row.where}: '{_BY_LANGUAGE}' is {type(texts).__name__}, not an object")
    if config.source_language is None or config.target_language is None:
        raise InputError(
            f"{row.where}: '{_BY_LANGUAGE}' holds {listing(texts)}: which is read, which written?",
            "set source_language and target_language",
        )
    inner = Row(texts, f"{row.where}: '{_BY_LANGUAGE}'")
    return _side(inner, "source", config), _side(inner, "target", config)


def _side(texts: Row, side: str, config: FinetuneConfig) -> str:
    """One text: its key is the language, or a field's name where that is a tokenizer's mark."""
    language: str = getattr(config, f"{side}_language")
    key: Any = getattr(config, f"{side}_field")
    return text_of(texts, key if key in texts.values else language, f"{side}_language")
