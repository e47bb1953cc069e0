"""What an algorithm is: the text pipeline around a model, and how the model is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Tokenizer, models, processors

from mlm_pretrain.errors import InputError
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.specials import SpecialTokens


@dataclass(frozen=True, slots=True)
class Learned:
    """A model with its vocabulary, and what was left out of it by reason."""

    model: models.Model
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to train a tokenizer.

    Attributes:
        name: the name on the command line.
        specials: special tokens, ids from 0.
        chunks: cuts raw text into stretches that the pipeline treats independently of each other,
            so that equal stretches are normalised and pre-tokenised once.
        pipeline: a tokenizer without a vocabulary: normaliser, pre-tokeniser, decoder.
        learn: (word counts sorted by word, vocabulary size, config) -> model of exactly that size.
        frame: the post-processor that puts [CLS] and [SEP] around one text or a pair.
        model_inputs: names of the tensors that a model of this family takes.
        word_length: characters of a word as the pre-tokeniser writes it.
    """

    name: str
    specials: SpecialTokens
    chunks: Callable[[str], list[str]]
    pipeline: Callable[[TokenizerConfig], Tokenizer]
    learn: Callable[[dict[str, int], int, TokenizerConfig], Learned]
    frame: Callable[[], processors.PostProcessor]
    model_inputs: tuple[str, ...]
    word_length: Callable[[str], int] = len


class TooFewPiecesError(Exception):
    """The corpus yields fewer entries than asked.

    Attributes:
        feasible: the size that it does yield.
        limited: whether a limit on the alphabet kept characters out that would be entries.
    """

    def __init__(self, feasible: int, limited: bool = False) -> None:
        super().__init__(f"{feasible} entries at most")
        self.feasible = feasible
        self.limited = limited


def require_size(vocab_size: int, minimum: int, contents: str, other_way_out: str = "") -> None:
    """Refuse a vocabulary that cannot hold what every tokenizer must have.

    Raises:
        InputError: naming the minimum and what it is made of.
    """
    if vocab_size < minimum:
        raise InputError(
            f"--vocab-size {vocab_size}: the minimum here is {minimum} ({contents})",
            f"ask for {minimum} or more{other_way_out}",
        )
