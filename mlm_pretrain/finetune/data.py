"""Texts and tagged sentences, read and checked before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlm_pretrain.corpus.shown import brief, cut
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics.tag_schemes import add_type, malformed
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.fields import field_of, label_of, list_of, text_of, texts_of
from mlm_pretrain.finetune.sources import Row, read_rows

# Rows and labels listed in a message before it says "and N more".
_SHOWN, _LABELS_SHOWN = 5, 10
UNLABELLED = ("-1", "-100", "")


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text, or a pair of texts, and its label: a name, a quantity, or a tuple of names."""

    text: str
    text_pair: str | None
    label: Any
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
        return f"{self.where}: token {position + 1} {brief(self.tokens[position])}"


@dataclass
class Faults:
    """Rows that cannot be used, collected so that one message lists them all."""

    found: list[str] = field(default_factory=list)

    def add(self, where: str, reason: str) -> None:
        self.found.append(f"{where}: {cut(reason)}")

    def listing(self) -> str:
        shown = "\n  ".join(self.found[:_SHOWN])
        more = len(self.found) - _SHOWN
        return shown + (f"\n  and {more} more" if more > 0 else "")


def read_texts(
    spec: str,
    split: str,
    config: FinetuneConfig,
    read_label: Callable[[Any, str, FinetuneConfig], Any] = label_of,
) -> list[TextExample]:
    """Single texts or pairs. Labels may be text, whole numbers or booleans, or what `read_label` takes.

    Raises:
        InputError: a missing field, an empty label or −1 (all such rows listed), pairs in some
            rows only, or in none though `text_pair_field` names one.
    """
    rows = read_rows(spec, split)
    paired = _paired(rows, config)
    examples, faults = [], Faults()
    for row in rows:
        text = text_of(row, config.text_field, "text_field")
        if paired != (config.text_pair_field in row.values):
            problem = f"{row.where}: '{config.text_pair_field}' is in some rows and not in others"
            raise InputError(problem)
        pair = text_of(row, config.text_pair_field, "text_pair_field") if paired else None
        label = read_label(field_of(row, config.label_field, "label_field"), row.where, config)
        if label in UNLABELLED:
            faults.add(row.where, f"label {label}" if label else "an empty label")
        examples.append(TextExample(text, pair, label, row.where))
    _refuse_unlabelled(spec, faults, len(rows))
    return examples


def _paired(rows: Sequence[Row], config: FinetuneConfig) -> bool:
    """Whether the rows hold pairs. Who names the pair's field wants it: its absence is a slip."""
    name = config.text_pair_field
    asked = name != type(config).model_fields["text_pair_field"].default
    if asked and not any(name in row.values for row in rows):
        field_of(rows[0], name, "text_pair_field")
    return name in rows[0].values


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
        tokens = texts_of(row, tokens_field, "tokens_field")
        tags = [label_of(tag, row.where, config) for tag in list_of(row, tags_field, "tags_field")]
        if len(tokens) != len(tags):
            raise InputError(f"{row.where}: {len(tokens)} tokens but {len(tags)} tags")
        if not tokens:
            raise InputError(f"{row.where}: no tokens", "remove the row")
        if set(tags) & set(UNLABELLED):
            faults.add(row.where, "a tag of -1, or an empty one")
        examples.append(TaggedExample(tokens, tags, row.where, row.lines))
    _refuse_unlabelled(spec, faults, len(rows))
    return examples


def with_types(examples: Sequence[TaggedExample], counts: Counter[str]) -> list[TaggedExample]:
    """Tags that are a letter alone (B, I) as tags of the one type SPAN (B-SPAN, I-SPAN), counted.

    Keyphrases and the like are often tagged so; without a type there would be no spans to score.
    """
    typed = [replace(example, tags=[add_type(tag) for tag in example.tags]) for example in examples]
    for old, new in zip(examples, typed, strict=True):
        changed = sum(a != b for a, b in zip(old.tags, new.tags, strict=True))
        counts["tags_without_type"] += changed
    return typed


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
    faults = Faults()
    for label, where in unknown:
        faults.add(where, label)
    shown = [f"{cut(n, 40)} ({count} times)" for n, count in names.most_common(_LABELS_SHOWN)]
    more = [f"and {len(names) - _LABELS_SHOWN} more"] if len(names) > _LABELS_SHOWN else []
    raise InputError(
        f"{spec}: labels that {train} does not have: {', '.join([*shown, *more])}\n"
        f"  {faults.listing()}",
        "add training rows with these labels, or remove the rows",
    )


def _refuse_unlabelled(spec: str, faults: Faults, rows: int) -> None:
    if faults.found:
        raise InputError(
            f"{spec}: {len(faults.found)} of {rows} rows have no label (−1 or nothing marks a missing "
            f"one):\n  {faults.listing()}",
            "give labelled rows; test sets of public benchmarks often hide theirs",
        )
