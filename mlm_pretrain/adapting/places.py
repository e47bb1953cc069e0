"""Where an adaptation keeps what: every stage in a folder of its own below `out`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm_pretrain.claiming import ADAPTATION_FILE


@dataclass(frozen=True)
class Places:
    """Folders and files below `root`.

    Attributes:
        record: what was asked for.
        report: what came of it.
        texts: the domain's, general text and that of the control, all without the task's test texts; and the
            task's own.
        measures: of the domain beside the checkpoint, and what is advised.
        base_tokenizer: the checkpoint's own as a tokenizer.json, where it came without.
        tokenizer: the vocabulary with words of the domain.
        proof: fine-tunings of all models, and the page.
        model: the adapted model that is kept, ready to be used and pushed.
    """

    root: Path

    @property
    def record(self) -> Path:
        return self.root / ADAPTATION_FILE

    @property
    def report(self) -> Path:
        return self.root / "report.json"

    @property
    def texts(self) -> Path:
        return self.root / "texts"

    @property
    def measures(self) -> Path:
        return self.root / "measures"

    @property
    def base_tokenizer(self) -> Path:
        return self.root / "base_tokenizer"

    @property
    def tokenizer(self) -> Path:
        return self.root / "tokenizer"

    @property
    def proof(self) -> Path:
        return self.root / "worth"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def learnt(self, text: str) -> Path:
        """What of a text is trained on."""
        return self.texts / f"{text}-train.jsonl"

    def held_out(self, text: str) -> Path | None:
        """What of it is not; None where there was too little to hold any back, or no such text."""
        path = self.texts / f"{text}-validation.jsonl"
        return path if path.is_file() and path.stat().st_size else None

    def data(self, name: str) -> Path:
        """Packed rows."""
        return self.root / "data" / name

    def run(self, variant: str) -> Path:
        """A training."""
        return self.runs / _plain(variant)

    def exported(self, variant: str) -> Path:
        """What it ended in."""
        return self.root / "models" / _plain(variant)


def _plain(variant: str) -> str:
    """A name without what a folder's name should not hold."""
    return variant.replace("+", "-")
