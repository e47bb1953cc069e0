"""What a corpus shares with held-out texts: nothing is taken out without a count and a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlm_pretrain.corpus import Document
from mlm_pretrain.corpus.shown import cut
from mlm_pretrain.domain.overlap.index import TextIndex
from mlm_pretrain.domain.overlap.passages import MOST_REMOVED, is_mostly, merged, widened, without
from mlm_pretrain.domain.overlap.rules import REASONS, STOCK_PLACES
from mlm_pretrain.domain.overlap.scanning import Place

EXAMPLES_KEPT = 5
_STOCK = "stock_phrase"
_DOCUMENT = "mostly_held_out"


@dataclass
class Overlap:
    """Counts of one reading, filled document by document.

    Attributes:
        index: the texts that were looked for.
        counts: `documents`, `documents_with_overlap`, `passages_removed` (sentences in a row count once),
            `documents_removed` (those of which nothing is left), `bytes_removed`.
        places: by reason, places that hold a text or a part of one. One that goes on over several documents,
            as where a file of wrapped lines has one a line, counts once.
        stock_phrases: such places that are common property, and stay.
        examples: the first few of each reason: where in the corpus, which row of the task, the words.
        found: numbers of the texts that are in the corpus.
    """

    index: TextIndex
    counts: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    stock_phrases: int = 0
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)

    def take_out(self, document: Document, places: Sequence[Place], stock: Sequence[Place]) -> str:
        """Count a document's places, and give its text without them; "" where it goes whole."""
        text = document.text
        self.counts["documents"] += 1
        for place in stock:
            self.stock_phrases += place.is_first
            self._remember(document, _STOCK, place)
        if not places:
            return text
        spans = merged(widened(text, place.start, place.end) for place in places)
        self.counts["documents_with_overlap"] += 1
        self.found.update(place.shared.text for place in places)
        self.counts["passages_removed"] += len(spans)
        for place in places:
            self.places[place.shared.reason] += place.is_first
            self._remember(document, place.shared.reason, place)
        return self._rest(document, spans)

    def _rest(self, document: Document, spans: list[tuple[int, int]]) -> str:
        text = document.text
        rest = "" if is_mostly(text, spans) else without(text, spans)
        if not rest or rest.isspace():
            self.counts["documents_removed"] += 1
            rest = ""
        self.counts["bytes_removed"] += len(text.encode()) - len(rest.encode())
        return rest

    def _remember(self, document: Document, reason: str, place: Place) -> None:
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_KEPT:
            row = self.index.texts[place.shared.text].where
            words = cut(document.text[place.start : place.end])
            examples.append({"corpus": document.id, "row": row, "text": words})

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counted = (
            "documents", "documents_with_overlap", "passages_removed", "documents_removed", "bytes_removed",
        )  # fmt: skip
        return {
            "texts": self._texts(),
            "corpus": {name: self.counts[name] for name in counted},
            "places": {reason: self.places[reason] for reason in REASONS},
            "stock_phrases": self.stock_phrases,
            "rules": {
                **REASONS,
                _STOCK: f"a part of a text that stands in more than {STOCK_PLACES} places: it stays",
                _DOCUMENT: f"a document of which more than {MOST_REMOVED:.0%} is such text goes whole",
            },
            "examples": self.examples,
        }

    def _texts(self) -> dict[str, dict[str, int]]:
        """By split: rows' texts, how they were looked for, and how many are in the corpus."""
        splits: dict[str, Counter[str]] = {}
        for number, held in enumerate(self.index.texts):
            way = self.index.ways[number]
            for split in held.rows:
                of_split = splits.setdefault(split, Counter(texts=0, alone=0, never=0, found=0))
                of_split["texts"] += 1
                of_split[way] += way != "inside"
                of_split["found"] += number in self.found
        return {
            split: {
                "texts": of["texts"],
                "looked_for_on_lines_of_their_own": of["alone"],
                "too_short_to_look_for": of["never"],
                "found": of["found"],
            }
            for split, of in splits.items()
        }
