"""What the formats made of rows share: a row without usable text is an error or a counted skip."""

from __future__ import annotations

from collections.abc import Iterable

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.shown import listing
from mlm_pretrain.errors import InputError


def bad_row(where: str, problem: str, options: ReadOptions, audit: Audit) -> None:
    """Count a row that is skipped.

    Raises:
        InputError: when it is one more than `options.max_bad_rows`.
    """
    audit.note("bad_rows", where)
    if audit.counts["bad_rows"] > options.max_bad_rows:
        raise InputError(
            f"{where}: {problem}",
            f"correct the row, or set max_bad_rows (--max-bad-rows, now {options.max_bad_rows}) to "
            "skip and count",
        )


def missing_field(path: object, field: str, known: Iterable[object]) -> InputError:
    """The error for a file that has no column of text under the name asked for."""
    return InputError(
        f"{path}: no column '{field}' (columns: {listing(known)})",
        "name the right one with text_field (--text-field)",
    )
