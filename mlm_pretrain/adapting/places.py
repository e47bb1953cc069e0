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
        texts: the domain's text without the task's test texts, general text, the task's own texts.
        measures: of the domain beside the checkpoint, and what is advised.
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

    def data(self, name: str) -> Path:
        """Packed rows."""
        return self.root / "data" / name

    def run(self, variant: str) -> Path:
        """A training."""
        return self.runs / variant

    def exported(self, variant: str) -> Path:
        """What it ended in."""
        return self.root / "models" / variant
