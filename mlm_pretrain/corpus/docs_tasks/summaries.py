"""Summarization: the summary line of a docstring from all that stands below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.docs_tasks.collect import PRETRAINING, SIDES, side_of
from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.overlap import Sides
from mlm_pretrain.corpus.docs_tasks.sentences import normal_words
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.sources.installed_docs import read_docstrings
from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say

_TASK = "summarization"
_MIN_SUMMARY_WORDS, _MAX_SUMMARY_WORDS = 4, 30
_MIN_BODY_WORDS = 30
# Enough to learn from, and few enough for the scores to be there in minutes.
WANTED = {"train": 4_000, "validation": 300, "test": 300}
_SPARE = 1.2  # to gather for each one wanted: what shares a sentence with another side is dropped

NamedRow = tuple[dict[str, str], str]


def examples(document: Document) -> Iterator[Example]:
    """`{"text", "summary"}` of a docstring that begins with one line of 4 to 30 words.

    The text is the rest, at least 30 words of it, in which the summary's words do not stand in a
    row: whoever could copy them would not have to summarise.
    """
    summary, _, rest = document.text.partition("\n")
    text = rest.strip("\n")
    if not rest.startswith("\n") or not text:  # the first paragraph is not one line
        return
    words, body = normal_words(summary), normal_words(text)
    if not _MIN_SUMMARY_WORDS <= len(words) <= _MAX_SUMMARY_WORDS or len(body) < _MIN_BODY_WORDS:
        return
    if f" {' '.join(words)} " not in f" {' '.join(body)} ":
        yield Example({"text": text, "summary": summary.strip()}, f"{summary}\n{text}")


@cache
def docstring_summaries(libraries: str) -> dict[str, list[NamedRow]]:
    """Rows by side ("train", "validation", "test"), each with its docstring's name.

    A document's side is `side_of` its text, the one that the other docs tasks give it: half of all
    are left for pretraining. No sentence of six words stands on two sides. Up to 4,000 rows for
    training and 300 for each of the others, the same ones in each run of the same environment.

    Args:
        libraries: import names, comma-separated; all when empty.

    Raises:
        InputError: for a library that is not installed, or when a side stays empty.
    """
    names = [name.strip() for name in libraries.split(",") if name.strip()]
    pools = _collect(read_docstrings(names or None, Audit()))
    dropped: Counter[str] = Counter()
    sides = Sides()
    # Those that are scored choose first, and train gives way.
    found = {side: _admitted(pools[side], side, sides, dropped) for side in reversed(SIDES)}
    for side, rows in found.items():
        if not rows:
            raise InputError(
                f"installed-docs: no {side} docstring with a summary in {libraries or 'any library'}",
                "name more libraries, for example stdlib,numpy,scipy",
            )
    counts = {**{side: len(found[side]) for side in SIDES}, **dropped}
    say(f"{_TASK} of installed-docs: {', '.join(f'{k}: {n:,}' for k, n in counts.items())}")
    return found


def _collect(documents: Iterable[Document]) -> dict[str, list[tuple[Example, str]]]:
    """Examples by side, until every side has enough of them."""
    pools: dict[str, list[tuple[Example, str]]] = {side: [] for side in SIDES}
    for document in documents:
        side = side_of(document, seed=0)
        if side != PRETRAINING and len(pools[side]) < _SPARE * WANTED[side]:
            pools[side] += [(example, document.id) for example in examples(document)]
            if all(len(pools[side]) >= _SPARE * WANTED[side] for side in SIDES):
                break
    return pools


def _admitted(
    pool: list[tuple[Example, str]], side: str, sides: Sides, dropped: Counter[str]
) -> list[NamedRow]:
    rows: list[NamedRow] = []
    for example, name in pool:
        if len(rows) == WANTED[side]:
            break
        if reason := sides.admit(_TASK, side, example):
            dropped[reason] += 1
        else:
            rows.append((example.row, name))
    return rows
