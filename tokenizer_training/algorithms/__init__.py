"""Registry of algorithms. A new one is a new file here and a line below."""

from __future__ import annotations

from tokenizer_training.algorithm import Algorithm
from tokenizer_training.algorithms import bpe, byte_bpe, unigram, wordpiece

ALGORITHMS: dict[str, Algorithm] = {
    module.ALGORITHM.name: module.ALGORITHM for module in (wordpiece, bpe, byte_bpe, unigram)
}
