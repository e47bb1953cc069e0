"""What happened to everything that was read: nothing is dropped without a count and a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXAMPLES_KEPT = 5
_PLAIN = ("documents", "bytes", "files", "examples")


@dataclass
class Audit:
    """Counts of one reading of a corpus. Pass one in, read the corpus, then look at it.

    Attributes:
        counts: `documents` and `bytes` (UTF-8) that were yielded, `files` that were opened, and
            one entry a reason for what was not: `empty`, `exact_duplicate`, `bad_rows`,
            `blank_rows`, `replaced_bytes`, `cut_documents`, `corrupt_files`, `skipped_files`,
            `skipped_hidden`, `skipped_links`, `skipped_repeated`, …
        examples: The first few places (`path:line`) for each reason that has one.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, reason: str, where: str, count: int = 1) -> None:
        """Count `reason`, and remember `where` if it is one of the first."""
        self.counts[reason] += count
        places = self.examples.setdefault(reason, [])
        if len(places) < EXAMPLES_KEPT:
            places.append(where)

    def as_dict(self) -> dict[str, Any]:
        """Counts sorted by name, with `examples` last, ready for JSON."""
        counted: dict[str, Any] = {name: self.counts[name] for name in sorted(self.counts)}
        return {**counted, "examples": {name: list(p) for name, p in sorted(self.examples.items())}}


def incidents(counts: Mapping[str, Any]) -> dict[str, int]:
    """Of what `Audit.as_dict` gave, how often something was skipped, cut or replaced, by reason."""
    return {name: count for name, count in counts.items() if name not in _PLAIN}
