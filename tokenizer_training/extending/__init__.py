"""A tokenizer that has whole words of a field beside all its old entries.

    from tokenizer_training.extending import ExtendConfig, extend_tokenizer

Each way to take a word into a model is a file: `longest_match` (WordPiece), `whole_words` and `chains` (BPE),
`scores` (Unigram).
"""

from __future__ import annotations

from tokenizer_training.extending.config import ExtendConfig
from tokenizer_training.extending.extend import extend_tokenizer, plan_extension

__all__ = ["ExtendConfig", "extend_tokenizer", "plan_extension"]
