"""Train a tokenizer of one's own text, reproducible to the byte, and measure how well it suits."""

from __future__ import annotations

from tokenizer_training.algorithms import ALGORITHMS
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.report import report_tokenizer
from tokenizer_training.train import plan_tokenizer, train_tokenizer

__all__ = [
    "ALGORITHMS",
    "TokenizerConfig",
    "plan_tokenizer",
    "report_tokenizer",
    "train_tokenizer",
]
