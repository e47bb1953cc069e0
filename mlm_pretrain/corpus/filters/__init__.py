"""Rules that keep or drop a document, each with a reason that the audit counts.

A rule is built from the `ReadOptions` for one reading, and called with each document; it returns
(keep, reason). To add one: a file here and a line in `FILTERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.filters.empty import Empty
from mlm_pretrain.corpus.filters.exact_duplicate import ExactDuplicate
from mlm_pretrain.corpus.options import ReadOptions

Filter = Callable[[Document], tuple[bool, str]]

FILTERS: dict[str, Callable[[ReadOptions], Filter]] = {
    "empty": Empty,
    "exact_duplicate": ExactDuplicate,
}


def build_filters(options: ReadOptions) -> list[Filter]:
    """Fresh rules for one reading, in the order in which they are asked."""
    return [build(options) for build in FILTERS.values()]
