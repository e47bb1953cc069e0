"""What is done next with a tokenizer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mlm_pretrain.cli import reading

if TYPE_CHECKING:
    from mlm_pretrain.corpus import ReadOptions


def preparing(corpus: list[str], tokenizer: Path, options: ReadOptions) -> str:
    """The command that prepares `corpus` with `tokenizer`, read as it was."""
    corpora = [part for spec in corpus for part in ("--corpus", spec)]
    words = ["mlm-pretrain", "prepare", *corpora, *reading.flags_unlike_default(options)]
    return shlex.join([*words, "--tokenizer", str(tokenizer), "--out", "data"])
