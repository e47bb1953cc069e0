"""What is taken out of a document: the sentences that hold held-out text, or all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlm_pretrain.domain.overlap.sentences import sentence_end, sentence_start

# A document of which more than this is held-out text goes whole: the rest would make no text.
MOST_REMOVED = 0.5


def widened(text: str, start: int, end: int) -> tuple[int, int]:
    """`start` to `end` with the rest of the sentences they lie in, as far as these are on the same line.

    Blanks behind it go with it, at the end of a line those before it, and with all of a line its end.
    """
    begin, stop = sentence_start(text, start), sentence_end(text, end)
    while stop < len(text) and text[stop] != "\n" and text[stop].isspace():
        stop += 1
    if stop < len(text) and text[stop] != "\n":
        return begin, stop
    while begin > 0 and text[begin - 1] != "\n" and text[begin - 1].isspace():
        begin -= 1
    is_line = begin == 0 or text[begin - 1] == "\n"
    if is_line and stop < len(text):
        return begin, stop + 1
    return (max(0, begin - 1), stop) if is_line else (begin, stop)


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text` without `spans`, which `merged` gave."""
    borders = [0, *(border for span in spans for border in span), len(text)]
    return "".join(text[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True))


def is_mostly(text: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether so much of `text` is in `spans` that the rest is not worth keeping."""
    return sum(end - start for start, end in spans) > MOST_REMOVED * len(text)
