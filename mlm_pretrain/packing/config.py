"""Settings of `prepare`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.environment import usable_cores
from mlm_pretrain.errors import InputError


class PrepareConfig(StrictConfig):
    """How text becomes rows of tokens.

    max_length: most tokens in a row and in a segment, start and end token included.
    validation_share: share of the documents (by hash of their text) kept for validation.
    tokenizer_revision: branch, tag or commit of a tokenizer from the Hub; None is main.
    validation_corpus: files to validate on instead; then no share of the corpus is split off.
    segments: "varied" cuts training documents into segments of log-uniform length between
        `shortest_segment` and `max_length`, so that the model also learns short inputs; "full" cuts
        them into windows of `max_length`. Validation is always cut into full windows, so that
        figures compare across settings.
    shortest_segment: tokens, start and end token included.
    processes: processes that tokenise; None means one a core. It never changes what is written.
    shard_bytes: size at which a file of tokens is closed and the next one begun.
    batch_bytes: text handed to a process at a time.
    open_rows: rows kept open while packing; more of them fill a little better.
    word_cache: tokenise each distinct word once where that is exact; False always asks the library.
    """

    max_length: int = Field(default=512, ge=8, le=32767)
    tokenizer_revision: str | None = None
    validation_share: float = Field(default=0.01, ge=0.0, lt=1.0)
    validation_corpus: list[str] = Field(default_factory=list)
    segments: Literal["varied", "full"] = "varied"
    shortest_segment: int = Field(default=16, ge=4)
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    processes: int | None = Field(default=None, ge=1)
    read: ReadOptions = ReadOptions()
    shard_bytes: int = Field(default=1 << 30, ge=1 << 10)
    batch_bytes: int = Field(default=1 << 21, ge=1)
    open_rows: int = Field(default=64, ge=1)
    word_cache: bool = True

    @property
    def worker_count(self) -> int:
        """Processes to use: as set, or the cores this process may run on."""
        return self.processes if self.processes is not None else usable_cores()

    def check(self) -> None:
        """Raise InputError when settings contradict each other."""
        if self.shortest_segment > self.max_length:
            raise InputError(
                f"shortest_segment {self.shortest_segment} > max_length {self.max_length}",
                "lower shortest_segment or raise max_length",
            )
