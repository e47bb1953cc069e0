"""The marks by which tokenizers of many languages tell a model what it reads and what it is to write."""

from __future__ import annotations

import re
from typing import Any

from mlm_pretrain.corpus.shown import listing
from mlm_pretrain.errors import InputError

_NLLB_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")


def set_languages(tokenizer: Any, source: str | None, target: str | None, model: str) -> None:
    """Give the tokenizer its two languages; nothing for one that has none (mBART, M2M100, NLLB do).

    Raises:
        InputError: when the languages are not named, or not among the tokenizer's.
    """
    if not (hasattr(tokenizer, "src_lang") and hasattr(tokenizer, "tgt_lang")):
        return
    codes = _codes(tokenizer)
    if source is None or target is None:
        raise InputError(
            f"{model}: its tokenizer marks texts by their language ({listing(codes)})",
            "set source_language and target_language",
        )
    tokenizer.src_lang = _code(source, codes, "source_language", model)
    tokenizer.tgt_lang = _code(target, codes, "target_language", model)


def _codes(tokenizer: Any) -> list[str]:
    listed = getattr(tokenizer, "lang_code_to_id", None)
    found = listed or filter(_NLLB_CODE.fullmatch, map(str, tokenizer.all_special_tokens))
    return sorted(found)


def _code(language: str, codes: list[str], setting: str, model: str) -> str:
    """`language` as the tokenizer writes it; "de" is de_DE where no other code begins so."""
    if language in codes:
        return language
    begun = [code for code in codes if code.startswith(f"{language}_")]
    if len(begun) == 1:
        return begun[0]
    raise InputError(
        f"{setting}: {model} has no language '{language}' (it has: {listing(begun or codes)})",
        "name one of them; the field of the text is then named by source_field or target_field",
    )
