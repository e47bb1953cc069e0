"""Tagging: the name, type and default in a documented parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.numpydoc import Entry, parameter_entries
from mlm_pretrain.corpus.document import Document

_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?|\w+|[^\w\s]")
_MIN_DESCRIPTION_WORDS = 4
_MAX_TOKENS = 80


def examples(document: Document) -> Iterator[Example]:
    """`{"tokens", "ner_tags"}` of each parameter: its header and first sentence of description.

    Tags are BIO over PARAM, TYPE and DEFAULT; the sentence is O throughout.
    """
    for entry in parameter_entries(document.text):
        sentence = entry.first_sentence
        tokens, tags = _tag(entry, sentence)
        if len(sentence.split()) >= _MIN_DESCRIPTION_WORDS and len(tokens) <= _MAX_TOKENS:
            yield Example({"tokens": tokens, "ner_tags": tags}, sentence)


def _tag(entry: Entry, sentence: str) -> tuple[list[str], list[str]]:
    spans = [(span, "PARAM") for span in entry.names] + [(entry.type, "TYPE")]
    if entry.default:
        spans.append((entry.default, "DEFAULT"))
    tokens, tags, open_span = [], [], None
    for match in _TOKEN.finditer(f"{entry.header} {sentence}"):
        inside = next(
            (s for s in spans if s[0][0] <= match.start() and match.end() <= s[0][1]), None
        )
        tokens.append(match[0])
        prefix = "I" if inside == open_span else "B"
        tags.append(f"{prefix}-{inside[1]}" if inside else "O")
        open_span = inside
    return tokens, tags
