"""Parts of several objectives, rows of some sentences, and a small encoder with the heads of all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import HeadPlan
from mlm_pretrain.objectives.together import Part, TogetherConfig, together
from mlm_pretrain.objectives.together.collator import EVERY, PART_LABELS
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.heads import attach_heads

SENTENCES = [
    "The function returns a new array.", "It has the same type as before.", "See the value of None.",
    "Then an error is raised, as in the loop.", "The end of it.",
]  # fmt: skip
PROGRESS = 0.25


def parts(*names: str) -> list[Part]:
    """From weight 2 to 1 along the run, 3 throughout, and so on; texts differ without dropout."""
    settings = {"contrastive": {"positives": "augmented", "spread": 0}}
    return [
        Part(
            name=name,
            weight=2.0 + n,
            weight_end=None if n else 1.0,
            settings=settings.get(name, {}),
        )
        for n, name in enumerate(names)
    ]


def examples(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    """Rows of two segments of some sentences each, a quarter into the run."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        texts = [" ".join(SENTENCES[i] for i in rng.permutation(5)[:n]) for n in (5, 2)]
        segments = [tokenizer(text)["input_ids"] for text in texts]
        ids, lengths = np.concatenate(segments), [len(ids) for ids in segments]
        place = {"epoch": 0, "example": number, "progress": PROGRESS}
        rows.append({"input_ids": ids, "segment_lengths": lengths, **place})
    return rows


class Case:
    """A model with its heads, and a batch."""

    def __init__(self, tokenizer: Any, config: TogetherConfig, rows: int = 12) -> None:
        self.config, self.objective = config, together(config)
        self.vocabulary = read_vocabulary(tokenizer)
        model: Any = new_model("bert:2x64", self.objective.auto_class, tokenizer, 128, seed=0)
        self.model = model.eval()
        attach_heads(model, self.objective, self.vocabulary, config, seed=0)
        require_packable(model, "products8")
        self.rows = examples(tokenizer, rows)
        self.batch = self.collated(self.rows)

    def collated(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return self.objective.collator(self.vocabulary, self.config, 7)(rows)

    def found(self) -> Any:
        counts = self.objective.count(self.objective, self.batch)
        passes = ModelPasses(self.model, HeadPlan())
        return self.objective.loss(self.objective, passes, self.batch, counts, self.config)

    def alone(self, number: int, rows: list[dict[str, Any]]) -> Any:
        """What a part's own objective finds in these rows, with its own heads, knowing of no other."""
        member = self.config.members[number]
        batch = member.objective.collator(self.vocabulary, member.config, 7)(rows)
        passes = ModelPasses(self.model, HeadPlan())
        passes.heads = dict(getattr(passes.heads, "items", dict)()).get(member.name)
        counts = member.objective.count(member.objective, batch)
        return member.objective.loss(member.objective, passes, batch, counts, member.config)

    def rows_of(self, number: int) -> list[dict[str, Any]]:
        """Those that a part learns from."""
        pairs = zip(self.rows, self.batch[PART_LABELS].tolist(), strict=True)
        return [row for row, of in pairs if of in (number, EVERY)]
