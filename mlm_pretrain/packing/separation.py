"""Where a tokenizer may be fed piece by piece with exactly the ids of the whole text.

A tokenizer that cuts its input at blanks before its model sees it gives the ids of a text as the
ids of its words one after the other. That holds only if nothing in its normaliser or pre-tokeniser
looks across the cut; the rules below admit what has been reasoned through, and refuse the rest.
"""

from __future__ import annotations

import re
import string
from typing import Any, Literal

import numpy as np

# Characters that some normaliser turns into a blank or drops. No piece may end with one: a blank
# made of it could merge with the blank that opens the next piece.
BLANKS = "".join(
    chr(code)
    for first, last in [
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD),
        (0x70F, 0x70F), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F),
        (0x205F, 0x206F), (0x2581, 0x2581), (0x3000, 0x3000), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFD),
    ]
    for code in range(first, last + 1)
)  # fmt: skip

# Without the apostrophe ("don't" has a rule of its own) and the underscore (to some a letter).
_POINTS = frozenset(string.punctuation) - set("'_")

# "space": cut before U+0020 only; "newline": before line feeds, returns and tabs as well;
# "punctuation": moreover, letters and digits are cut from ASCII punctuation.
Separator = Literal["space", "newline", "punctuation"]

_DROP_BLANKS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
_CUT_PUNCTUATION = {"BertPreTokenizer", "Whitespace", "ByteLevel"}
_TOUCH_PUNCTUATION = {"Replace", "Precompiled", "Prepend"}
_HARMLESS_SPLITS = {"Digits", "Punctuation"}
_LOCAL_NORMALIZERS = {
    "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "Precompiled", "Prepend", "Strip",
}  # fmt: skip
# These delete accents, after which a lone accent between blanks has merged them.
_DELETE_ACCENTS = {"BertNormalizer", "StripAccents"}


def find_separator(tokenizer: dict[str, Any]) -> Separator | None:
    """Where text may be cut for the tokenizer of this `tokenizer.json`; None: nowhere."""
    pre = _members(tokenizer.get("pre_tokenizer"), "pretokenizers")
    drops = any(member["type"] in _DROP_BLANKS for member in pre)
    normalizers = _members(tokenizer.get("normalizer"), "normalizers")
    separator = _separator_of(pre)
    if separator == "space" and any(_makes_spaces(member) for member in normalizers):
        separator = "newline"
    if not all(_is_local(member, drops) for member in normalizers):
        return None
    # Special tokens are not looked for in the text at all.
    added = [token for token in tokenizer.get("added_tokens", []) if not token.get("special")]
    if not all(_stays_in_piece(token) for token in added):
        return None
    if separator == "newline" and not added and _cuts_at_punctuation(pre, normalizers):
        return "punctuation"
    return separator


def _cuts_at_punctuation(pre: list[dict[str, Any]], normalizers: list[dict[str, Any]]) -> bool:
    cutting = any(member["type"] in _CUT_PUNCTUATION for member in pre)
    return cutting and not any(part["type"] in _TOUCH_PUNCTUATION for part in normalizers)


def _members(part: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    if part is None:
        return []
    if part["type"] == "Sequence":
        return [inner for member in part[key] for inner in _members(member, key)]
    return [part]


def _separator_of(pre: list[dict[str, Any]]) -> Separator | None:
    """By the first member that cuts at blanks; those behind it work inside what it has cut."""
    for member in pre:
        kind = member["type"]
        if kind in _DROP_BLANKS or (kind == "ByteLevel" and member.get("use_regex", True)):
            return "newline"
        if kind == "Metaspace" and member.get("split", True):
            return "space"
        if kind not in _HARMLESS_SPLITS:
            return None
    return None


def _is_local(normalizer: dict[str, Any], drops_blanks: bool) -> bool:
    kind = normalizer["type"]
    if kind == "Replace":
        return _replaces_locally(normalizer)
    return kind in _LOCAL_NORMALIZERS or (kind in _DELETE_ACCENTS and drops_blanks)


def _replaces_locally(normalizer: dict[str, Any]) -> bool:
    pattern = normalizer["pattern"]
    if _makes_spaces(normalizer):
        return True
    if pattern.get("Regex") == " {2,}":
        return bool(normalizer["content"] in (" ", "▁"))
    text = pattern.get("String")
    if text == " ":
        return bool(normalizer["content"] == "▁")
    return text is not None and not has_blank(text) and not has_blank(normalizer["content"])


def has_blank(text: str) -> bool:
    """Whether any of `BLANKS` occurs in `text`."""
    return not set(BLANKS).isdisjoint(text)


def _makes_spaces(normalizer: dict[str, Any]) -> bool:
    """Whether this makes one space of every run of blanks."""
    is_replace = normalizer["type"] == "Replace" and normalizer["content"] == " "
    return is_replace and normalizer["pattern"].get("Regex") == r"\s+"


def _stays_in_piece(token: dict[str, Any]) -> bool:
    return not (token.get("lstrip") or token.get("rstrip") or has_blank(token["content"]))


def piece_pattern(separator: Separator) -> re.Pattern[str]:
    """Matches pieces: blanks, a word, and whatever follows up to a place where text may be cut."""
    blank = f"[{re.escape(BLANKS)}]"
    ink = f"[^{re.escape(BLANKS)}]"
    cuts = f"[{re.escape(_cutting_blanks(separator))}]"
    return re.compile(f"{blank}*{ink}+(?:(?!{cuts}){blank}+{ink}+)*")


def byte_classes(separator: Separator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables over the 256 values of a byte of UTF-8.

    Returns:
        whether text may be cut before this blank; whether it is a blank of ASCII; and, where the
        tokenizer cuts at punctuation, 1 for letters and digits, 2 for punctuation, else 0.
    """
    codes = [chr(code) if code < 128 else "" for code in range(256)]
    cuts = np.array([bool(c) and c in _cutting_blanks(separator) for c in codes])
    blank = np.array([bool(c) and c in BLANKS for c in codes])
    kind = np.zeros(256, dtype=np.uint8)
    if separator == "punctuation":
        kind = np.array([1 if c.isalnum() else 2 * (c in _POINTS) for c in codes], dtype=np.uint8)
    return cuts, blank, kind


def _cutting_blanks(separator: Separator) -> str:
    return " " if separator == "space" else " \t\n\r"
