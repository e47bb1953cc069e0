"""Train a tokenizer of one's own text, reproducible to the byte, or extend one; measure how well it suits."""

from __future__ import annotations

from tokenizer_training.algorithms import ALGORITHMS
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.extending import ExtendConfig, extend_tokenizer, plan_extension
from tokenizer_training.report import report_tokenizer
from tokenizer_training.train import plan_tokenizer, train_tokenizer

__all__ = [
    "ALGORITHMS",
    "ExtendConfig",
    "TokenizerConfig",
    "extend_tokenizer",
    "plan_extension",
    "plan_tokenizer",
    "report_tokenizer",
    "train_tokenizer",
]
