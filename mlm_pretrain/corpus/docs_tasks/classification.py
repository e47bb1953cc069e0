"""Classification: which library does a passage of documentation describe?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.sentences import flatten
from mlm_pretrain.corpus.document import Document

MIN_WORDS, MAX_WORDS = 30, 80
# Libraries that come with this package's own dependencies, and the names that would give them away.
LIBRARY_NAMES = {
    "networkx": ("networkx", "nx"),
    "numpy": ("numpy", "np", "ndarray"),
    "pandas": ("pandas", "pd"),
    "scipy": ("scipy",),
    "sklearn": ("sklearn", "scikit"),
    "stdlib": ("stdlib", "standard library"),
    "sympy": ("sympy",),
    "torch": ("torch", "pytorch"),
    "transformers": ("transformers", "huggingface", "hugging face"),
}
# `py?torch` and `_np` count as mentions too: letters alone decide where a name ends.
_MENTION = {
    library: re.compile(rf"(?<![a-z])(?:{'|'.join(names)})(?![a-z])", re.I)
    for library, names in LIBRARY_NAMES.items()
}
_HEADING = re.compile(r"^[^\n]*\n[-=~]{3,}\s*\n?", re.M)
_NOT_PROSE = re.compile(
    r"^(?:\s|>>>|\.\. |[-*+|=:@] ?|\d+\. |\[\d)|>>>|\w+ ?: \w+\n\s|\n {2,}", re.M
)
_WORDS_OF_LETTERS = 0.7


def examples(document: Document) -> Iterator[Example]:
    """Passages of 30 to 80 words of prose that do not name their library, with it as the label."""
    library = document.id.partition(":")[0]
    if library not in LIBRARY_NAMES:
        return
    for passage in _passages(document.text):
        if not _MENTION[library].search(passage):
            yield Example({"text": passage, "label": library}, passage, library)


def _passages(docstring: str) -> Iterator[str]:
    """Consecutive prose paragraphs, joined up to the length wanted."""
    joined: list[str] = []
    for paragraph in re.split(r"\n\s*\n", _HEADING.sub("\n", docstring)):
        words = paragraph.split() if _is_prose(paragraph) else []
        if joined and (not words or len(joined) + len(words) > MAX_WORDS):
            if len(joined) >= MIN_WORDS:
                yield " ".join(joined)
            joined = []
        if len(words) <= MAX_WORDS:
            joined += words
    if len(joined) >= MIN_WORDS:
        yield " ".join(joined)


def _is_prose(paragraph: str) -> bool:
    if not paragraph.strip() or _NOT_PROSE.search(paragraph.strip("\n")):
        return False
    words = flatten(paragraph).split()
    return sum(word.strip(".,;:()").isalpha() for word in words) >= _WORDS_OF_LETTERS * len(words)
