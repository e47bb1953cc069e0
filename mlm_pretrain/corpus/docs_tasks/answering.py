"""Question answering: find a parameter's description in a section that describes several."""

from __future__ import annotations

from collections.abc import Iterator

from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.numpydoc import Entry, parameter_entries
from mlm_pretrain.corpus.document import Document

MAX_CONTEXT_WORDS = 120
_MIN_ENTRIES = 2
_MIN_ANSWER_WORDS, _MAX_ANSWER_WORDS = 4, 40
_QUESTIONS_A_CONTEXT = 2


def examples(document: Document) -> Iterator[Example]:
    """SQuAD rows "What is the parameter X of F?"; the answer is the description's first sentence.

    The context holds at least two parameters in at most 120 words, and
    `context[start : start + len(answer)] == answer`.
    """
    name = document.id.partition(":")[2]
    for number, entries in enumerate(_windows(parameter_entries(document.text))):
        context, starts = _context(entries)
        asked = [i for i, entry in enumerate(entries) if _can_be_asked(entry, context)]
        # Spread over the window, so that the answer does not always come first.
        for i in asked[number % 2 :: 2][:_QUESTIONS_A_CONTEXT]:
            yield _example(document.id, name, context, entries[i], starts[i])


def _example(id: str, name: str, context: str, entry: Entry, start: int) -> Example:
    answer = entry.first_sentence
    row = {
        "id": f"{id}#{entry.name}",
        "title": name,
        "context": context,
        "question": f"What is the parameter {entry.name} of {_short(name)}?",
        "answers": {"text": [answer], "answer_start": [start]},
    }
    return Example(row, context)


def _short(name: str) -> str:
    """`Ridge.fit` of `sklearn.linear_model._ridge.Ridge.fit`, `svd` of `scipy.linalg._svd.svd`."""
    parts = name.split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 and parts[-2][:1].isupper() else parts[-1]


def _windows(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Runs of consecutive entries within the word limit."""
    window: list[Entry] = []
    size = 0
    for entry in entries:
        words = len(_written(entry).split())
        if window and size + words > MAX_CONTEXT_WORDS:
            if len(window) >= _MIN_ENTRIES:
                yield window
            window, size = [], 0
        if words <= MAX_CONTEXT_WORDS:
            window, size = [*window, entry], size + words
    if len(window) >= _MIN_ENTRIES:
        yield window


def _written(entry: Entry) -> str:
    return f"{entry.header} {entry.description}"


def _context(entries: list[Entry]) -> tuple[str, list[int]]:
    """The entries one after another, and where each description starts."""
    context, starts = "", []
    for entry in entries:
        context += " " if context else ""
        starts.append(len(context) + len(entry.header) + 1)
        context += _written(entry)
    return context, starts


def _can_be_asked(entry: Entry, context: str) -> bool:
    """One name, and an answer of a usable length that stands in the context only once."""
    answer = entry.first_sentence
    words = len(answer.split())
    usable = _MIN_ANSWER_WORDS <= words <= _MAX_ANSWER_WORDS
    return usable and len(entry.names) == 1 and context.count(answer) == 1
