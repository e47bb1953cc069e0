"""A corpus as it is read again and again, each time alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mlm_pretrain.corpus import Audit, Document, ReadOptions, read_corpus
from mlm_pretrain.domain.near_duplicates import NearDuplicate


@dataclass
class CorpusReading:
    """Gives the documents anew each time it is called.

    Attributes:
        specs: as `read_corpus` takes them.
        options: with `drop_duplicates`, exact copies are left out.
        drop_near_duplicates: leave out those too that say nearly the same as an earlier one.
        audit: of the last reading.
    """

    specs: Sequence[str]
    options: ReadOptions = field(default_factory=ReadOptions)
    drop_near_duplicates: bool = False
    audit: Audit = field(default_factory=Audit)

    def __call__(self) -> Iterator[Document]:
        self.audit = audit = Audit()
        rule = NearDuplicate() if self.drop_near_duplicates else None
        for document in read_corpus(self.specs, self.options, audit):
            keep, reason = rule(document) if rule else (True, "")
            if keep:
                yield document
            else:
                audit.note(reason, document.id)
