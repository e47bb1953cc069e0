"""How a domain is measured."""

from __future__ import annotations

from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions

ROW_LENGTH = 128  # tokens of a row that is trained on, where nobody says


class MeasureConfig(StrictConfig):
    """Settings of `measure`. The defaults take a minute or two on two cores for a model of 20 M parameters.

    Attributes:
        sample_bytes: UTF-8 bytes of each text that are looked at closely; a larger corpus is read to its
            end, and whole documents are drawn evenly from all of it.
        top_words: most frequent words that are compared (Gururangan et al. 2020 take 10,000); fewer where
            a text has fewer.
        loss_rows: windows that the model's loss is measured on; 0 leaves the loss out.
        loss_length: tokens of such a window, start and end included.
        copies_checked: documents, the first ones, among which copies are counted and left out of what is
            measured; each costs about 1.3 KB of memory.
        seed: of the sample, of the halves and of the masks.
        read: how the domain's text is read.
        read_general: how the general text is read.
    """

    sample_bytes: int = Field(default=4_000_000, ge=1)
    top_words: int = Field(default=10_000, ge=1)
    loss_rows: int = Field(default=256, ge=0)
    loss_length: int = Field(default=128, ge=8)
    copies_checked: int = Field(default=100_000, ge=0)
    seed: int = Field(default=0, ge=0)
    read: ReadOptions = ReadOptions()
    read_general: ReadOptions = ReadOptions()
