"""Which mechanism takes new words into a model."""

from __future__ import annotations

from mlm_pretrain.errors import InputError
from tokenizer_training.extending.base import Base
from tokenizer_training.extending.chains import Chains
from tokenizer_training.extending.known import Known
from tokenizer_training.extending.longest_match import LongestMatch
from tokenizer_training.extending.mechanism import Mechanism
from tokenizer_training.extending.scores import Scores
from tokenizer_training.extending.whole_words import WholeWords, keeps_old_words

KINDS = ("WordPiece", "BPE", "Unigram")


def require_extendable(base: Base) -> None:
    """Refuse a model that whole words cannot be added to.

    Raises:
        InputError: naming those that they can.
    """
    if base.kind not in KINDS:
        raise InputError(
            f"{base.name}: a {base.kind} model cannot be extended",
            f"give a tokenizer with a model of {', '.join(KINDS)}",
        )


def mechanism_for(base: Base, known: Known) -> Mechanism:
    """The way for this model that leaves most words alone."""
    model = base.content["model"]
    if base.kind == "WordPiece":
        return LongestMatch(model, base.tokenizer, known)
    if base.kind == "BPE":
        if keeps_old_words(base):
            return WholeWords(model, base.tokenizer)
        return Chains(model, base.tokenizer, known)
    return Scores(model, base.tokenizer, known)
