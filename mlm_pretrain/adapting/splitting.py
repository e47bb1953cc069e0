"""What of a text is trained on, and what is held back to measure every model by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import xxhash

from mlm_pretrain.corpus import Document
from mlm_pretrain.corpus.split import is_validation, split_key
from mlm_pretrain.corpus.writing import TextFile, read_texts, write_texts
from mlm_pretrain.progress import say

HELD_OUT_SHARE = 0.05
_SPLITS = ("train", "validation")


def write_split(
    documents: Iterable[Document], folder: Path, name: str, seed: int
) -> dict[str, dict[str, int]]:
    """NAME-train.jsonl and NAME-validation.jsonl; a document's text decides where it goes.

    Pieces of one that was cut, for being too long, go where the first of them goes. Of few documents one is
    held back all the same.

    Returns:
        Documents and bytes of each split.
    """
    train, validation = (folder / f"{name}-{split}.jsonl" for split in _SPLITS)
    later: set[int] = set()
    before, is_held_out = "", False
    with TextFile(train) as learnt, TextFile(validation) as held_out:
        for number, document in enumerate(documents):
            whole = document.whole_id
            if whole == before:
                later.add(number)
            else:
                is_held_out = is_validation(document, HELD_OUT_SHARE, seed)
            (held_out if is_held_out else learnt).add(document.text)
            before = whole
    if learnt.documents and held_out.documents:
        return {"train": learnt.counts, "validation": held_out.counts}
    few = _wholes([*read_texts(train), *read_texts(validation)], later)
    held, rest = _one_held_back(few, seed)
    if rest and not held:
        say(f"{name} text: one document, of which none can be held back to measure by")
    return {"train": write_texts(train, rest), "validation": write_texts(validation, held)}


def _wholes(texts: Iterable[str], later: Collection[int]) -> list[list[str]]:
    """Documents in their pieces; the texts with the numbers `later` go on with the document before."""
    found: list[list[str]] = []
    for number, text in enumerate(texts):
        if number in later:
            found[-1].append(text)
        else:
            found.append([text])
    return found


def _one_held_back(few: Sequence[list[str]], seed: int) -> tuple[list[str], list[str]]:
    """(the document that the smallest share would hold back, with its copies; the others).

    Of a single one that was cut it is a piece. Where there are no others, nothing is held back.
    """
    parts = few if len(few) > 1 else [[piece] for document in few for piece in document]
    first = min(parts, key=lambda pieces: split_key(pieces[0], seed), default=[])
    held, rest = (
        [t for of in parts if (of == first) == is_it for t in of] for is_it in (True, False)
    )
    return (held, rest) if rest else ([], held)


class HeldBack:
    """Texts that nothing is trained on, each as 64 bits of a hash of it: about 100 bytes of memory a text.

    Attributes:
        left_out: documents that `others` left out.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        there = (path for path in files if path.is_file())
        self._known = {_digest(text) for path in there for text in read_texts(path)}
        self.left_out = 0

    def others(self, texts: Iterable[str]) -> Iterable[str]:
        """Those of `texts` that are none of them."""
        for text in texts:
            if _digest(text) in self._known:
                self.left_out += 1
            else:
                yield text


def _digest(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())
