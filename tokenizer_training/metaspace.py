"""The text pipeline of SentencePiece-like tokenizers: a space is part of the word after it.

Runs of white space become one space, which is written `▁` (U+2581). Letters, digits and other
signs never share a token, as in GPT-2's pattern, so that "word" and "word," share their tokens.
"""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from tokenizer_training.specials import ROBERTA

SPACE = "▁"
_GROUPS = rf"{SPACE}?[\p{{L}}\p{{M}}]+|{SPACE}?\p{{N}}+|{SPACE}?[^\s\p{{L}}\p{{M}}\p{{N}}{SPACE}]+"
# "first": only the start of the text gets a space of its own, not what follows a special token.
_PREPEND = "first"


def add_metaspace(tokenizer: Tokenizer, form: normalizers.Normalizer) -> None:
    """Set normaliser (`form`, then white space) and pre-tokeniser."""
    tokenizer.normalizer = normalizers.Sequence([form, normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=_PREPEND),
            pre_tokenizers.Split(Regex(_GROUPS), behavior="isolated"),
        ]
    )


def decoder(byte_fallback: bool) -> decoders.Decoder:
    """Back to text: `▁` to spaces, byte tokens (if any) to characters, the first space removed."""
    steps = [decoders.Replace(SPACE, " ")]
    if byte_fallback:
        steps += [decoders.ByteFallback()]
    return decoders.Sequence([*steps, decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def frame() -> processors.PostProcessor:
    """`<s> A </s>` and `<s> A </s></s> B </s>`, all of token type 0."""
    cls, sep = ROBERTA.cls, ROBERTA.sep
    return processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} {sep} $B:0 {sep}",
        special_tokens=[(token, ROBERTA.id_of(token)) for token in (cls, sep)],
    )
