"""Losses that compare a model with words of the domain and the checkpoint, whose vocabulary lacks them."""

from __future__ import annotations

from pathlib import Path

import torch

from mlm_pretrain.domain import open_model
from mlm_pretrain.evaluation.perplexity import fastest_device, load_for_evaluation
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.extension import read_extension
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.forgetting.rows import some_of
from mlm_pretrain.training.forgetting.words import HiddenWords, hidden_words

_BATCH_ROWS = 32


def is_of_other_words(model: str, base: str) -> bool:
    """Whether the vocabulary of `model` is another than that of `base`."""
    own, before = (open_model(name)[0].get_vocab() for name in (model, base))
    return bool(own != before)


def whole_word_losses(
    model: str, base: str, text: Path, max_length: int, rows: int
) -> dict[str, float] | None:
    """Bits for each byte of words of `text` that are hidden whole, the same ones from both models.

    Args:
        model: a folder whose vocabulary is that of `base` and more; both have a head to tell tokens by.
        max_length: tokens of a window, of which `rows` are looked at.

    Returns:
        `before`, of `base`, and `after`, of `model`; None where its new words are not known to be of pieces
        of the old ones, or no word is hidden.
    """
    extension = read_extension(model)
    if extension is None or not extension.extends(open_model(base)[0].get_vocab()):
        return None
    network, tokenizer, objective = load_for_evaluation(model)
    windows = open_rows(text, tokenizer, network.config, max_length, rows)
    vocabulary = read_vocabulary(tokenizer)
    words = hidden_words(some_of(windows, rows), extension.pieces, objective, vocabulary)
    after = _bits(words, network, is_old=False)
    before = _bits(words, load_for_evaluation(base)[0], is_old=True)
    return None if before is None or after is None else {"before": before, "after": after}


def _bits(words: HiddenWords, network: torch.nn.Module, is_old: bool) -> float | None:
    return words.bits(network.to(fastest_device()), is_old, "auto", _BATCH_ROWS)
