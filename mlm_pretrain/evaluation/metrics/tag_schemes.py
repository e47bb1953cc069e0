"""Schemes that write entities as tags: IOB1, IOB2, IOBES and BILOU.

A tag is "O" or a letter, a dash and a type. Letters begin (B), continue (I), end (E or L) an
entity, or are one by themselves (S or U). Where there is only one type, some leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_TAG = re.compile(r"([BIESLU])-(.+)")
_LETTERS = {"iob1": "BI", "iob2": "BI", "iobes": "BIES", "bilou": "BILU"}
SCHEMES = tuple(_LETTERS)
ONLY_TYPE = "SPAN"  # the name of a type that is left out


def letters(scheme: str) -> str:
    """Letters that `scheme` uses beside O."""
    return _LETTERS[scheme]


def lack_types(tags: Iterable[str]) -> bool:
    """Whether a tag set is that of spans without a type: letters alone, and more than O."""
    found = set(tags)
    return found <= set("BIESLUO") and bool(found - {"O"})


def add_type(tag: str) -> str:
    """B-SPAN for B, and so on; every other tag as it is."""
    return f"{tag}-{ONLY_TYPE}" if tag in tuple("BIESLU") else tag


def guess_scheme(tags: Iterable[str]) -> str:
    """The scheme of a tag set, or "plain" when no tag looks like letter-dash-type.

    IOB1 cannot be told from IOB2 by its tags: it has to be asked for.
    """
    found = {match.group(1) for tag in tags if (match := _TAG.fullmatch(tag))}
    if not found:
        return "plain"
    if found & set("LU"):
        return "bilou"
    return "iobes" if found & set("ES") else "iob2"


def malformed(tags: Sequence[str], scheme: str) -> tuple[int, str] | None:
    """Position of the first tag that breaks `scheme` and why, or None."""
    previous = "O"
    for position, tag in enumerate(tags):
        reason = _fault(previous, tag, scheme)
        if reason:
            return position, reason
        previous = tag
    if scheme in ("iobes", "bilou") and previous[0] in "BI":
        return len(tags) - 1, f"'{previous}' ends the sentence, but its entity is still open"
    return None


def _fault(previous: str, tag: str, scheme: str) -> str:
    """Why `tag` cannot follow `previous`, or an empty string."""
    if tag != "O" and not ((match := _TAG.fullmatch(tag)) and match.group(1) in letters(scheme)):
        allowed = ", ".join(f"{letter}-TYPE" for letter in letters(scheme))
        return f"'{tag}' is no {scheme.upper()} tag (O, {allowed})"
    if scheme == "iob1":
        return ""  # I- may open an entity; B- only separates neighbours
    open_type = previous[2:] if previous[0] in "BI" else ""
    goes_on = tag[0] in "IEL" and tag != "O"
    if goes_on and tag[2:] != open_type:
        return f"'{tag}' after '{previous}' continues an entity that was never begun"
    if scheme != "iob2" and open_type and not goes_on:
        return f"'{tag}' after '{previous}', whose entity is still open"
    return ""


def as_iobes_letters(tags: Sequence[str], scheme: str) -> list[str]:
    """BILOU's L and U as E and S, the letters seqeval knows; other schemes unchanged."""
    if scheme != "bilou":
        return list(tags)
    return [{"L": "E", "U": "S"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def repair(tags: Sequence[str], scheme: str) -> list[str]:
    """The nearest well-formed tags: a model's predictions need not obey the scheme.

    As in CoNLL's own scorer, a tag that continues nothing begins an entity, and an entity left
    open ends where it stops.
    """
    if scheme in ("iob1", "plain"):
        return list(tags)
    repaired = ["O"] * len(tags)
    for start, end, kind in entities(tags):
        for position in range(start, end):
            letter = _letter(position - start, end - start, scheme)
            repaired[position] = f"{letter}-{kind}"
    return repaired


def entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Entities as (first, past-last, type), read leniently from any letters."""
    runs: list[tuple[int, int, str]] = []
    closed = True
    for position, tag in enumerate(tags):
        if tag == "O":
            closed = True
            continue
        joins = tag[0] in "IEL" and not closed and runs[-1][2] == tag[2:]
        start = runs.pop()[0] if joins else position
        runs.append((start, position + 1, tag[2:]))
        closed = tag[0] in "ESLU"
    return runs


def _letter(index: int, length: int, scheme: str) -> str:
    if scheme == "iob2":
        return "I" if index else "B"
    end, single = ("E", "S") if scheme == "iobes" else ("L", "U")
    if length == 1:
        return single
    return "B" if index == 0 else end if index == length - 1 else "I"
