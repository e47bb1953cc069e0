"""The FLOPs of a step are those that a hand counts, whatever the objective computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.contrastive import ContrastiveConfig
from mlm_pretrain.objectives.hybrid import HybridConfig
from mlm_pretrain.objectives.together import Part, TogetherConfig, together
from mlm_pretrain.objectives.together.collator import batch_of
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.callbacks.flops import NotedPasses, segments_of
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig

ROWS, LAYERS, H = 12, 2, 64
FIRST = 12  # one with enough sentences to be put into another order
BERT = f"bert:{LAYERS}x{H}"
ATTENTION, FEED_FORWARD = 4 * H * H, 8 * H * H  # numbers in a layer's matrices
AUGMENTED: dict[str, Any] = {"positives": "augmented", "texts": "segments", "bank_size": 0}


class Step:
    """One step of an objective on a few packed rows: its batch, and what is counted of it."""

    def __init__(self, data: Path, objective: Any, config: Any, arch: str = BERT) -> None:
        tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer")
        vocabulary, rows = read_vocabulary(tokenizer), PackedDataset(data, "train")
        self.config = config or objective.config()
        self.vocabulary_size, self.objective = len(tokenizer), objective
        model: Any = new_model(arch, objective.auto_class, tokenizer, 64, seed=0)
        attach_heads(model, objective, vocabulary, self.config, 0)
        if objective.is_packed:
            require_packable(model, "products8")
        if hasattr(getattr(model, "pretraining_heads", None), "generator"):
            require_packable(model.pretraining_heads.generator, "products8")
        examples = [
            {**rows[n], "epoch": 0, "example": n, "progress": 0.0}
            for n in range(FIRST, FIRST + ROWS)
        ]
        self.batch = objective.collator(vocabulary, self.config, 5)(examples)
        self.model = model.train()

    @property
    def flops(self) -> float:
        notes: list[Callable[[], float]] = []
        passes = NotedPasses(notes, self.model, plan_head(self.model))
        objective, counts = self.objective, self.objective.count(self.objective, self.batch)
        if objective.prepare is not None:
            objective.prepare(objective, passes, [self.batch], self.config)
        objective.loss(objective, passes, self.batch, counts, self.config)
        return sum(count() for count in notes)

    @property
    def head(self) -> int:
        """Weights that each predicted token meets: a dense layer, and the vocabulary's."""
        return H * H + self.vocabulary_size * H


def named(data: Path, name: str, config: Any = None) -> Step:
    return Step(data, OBJECTIVES[name], config)


def lengths_of(batch: Any) -> list[int]:
    """Of the segments, counted one by one."""
    found: list[int] = []
    for places, segments in zip(
        batch["position_ids"].tolist(), batch["segment_ids"].tolist(), strict=True
    ):
        for place, segment in zip(places, segments, strict=True):
            if segment:
                found += [0] * (place == 0)
                found[-1] += 1
    return found


def encoder(lengths: list[int], layers: int, kept: int | None = None, causal: Any = ()) -> float:
    """Multiplications of one forward pass, of which the last layer's feed-forward part is for `kept` tokens.

    Args:
        causal: of the segments, whether they see only half of the pairs.
    """
    tokens = sum(lengths)
    last = tokens if kept is None else kept
    weights = tokens * layers * ATTENTION + (tokens * (layers - 1) + last) * FEED_FORWARD
    halves = list(causal) or [False] * len(lengths)
    pairs = sum(n * n / 2 if half else n * n for n, half in zip(lengths, halves, strict=True))
    return weights + layers * 2 * H * pairs


def predicted(batch: Any) -> int:
    return int((batch["labels"] != -100).sum())


def test_masked(prepared: Path) -> None:
    step = named(prepared, "mlm")
    lengths, count = lengths_of(step.batch), predicted(step.batch)
    assert len(lengths) > ROWS and 0 < count < 0.4 * sum(lengths)
    expected = 6 * (encoder(lengths, LAYERS, count) + step.head * count)
    assert step.flops == pytest.approx(expected, rel=1e-9)


def test_hybrid(prepared: Path) -> None:
    step = named(prepared, "hybrid", HybridConfig(causal_share=0.5))
    lengths, count = lengths_of(step.batch), predicted(step.batch)
    rows = [row for row, n in enumerate(step.batch["segment_ids"].amax(1)) for _ in range(n)]
    causal = [bool(step.batch["is_causal"][row]) for row in rows]
    assert 0 < sum(causal) < len(causal)
    expected = 6 * (encoder(lengths, LAYERS, count, causal) + step.head * count)
    assert step.flops == pytest.approx(expected, rel=1e-9)
    assert step.flops > named(prepared, "mlm").flops


def test_replaced(prepared: Path) -> None:
    step = named(prepared, "replaced")
    lengths, count = lengths_of(step.batch), predicted(step.batch)
    generator = encoder(lengths, LAYERS // 2, count) + step.head * count
    discriminator = encoder(lengths, LAYERS) + 2 * H * sum(lengths)
    assert step.flops == pytest.approx(6 * (generator + discriminator), rel=1e-9)


def test_order(prepared: Path) -> None:
    step = named(prepared, "order")
    lengths, count = lengths_of(step.batch), predicted(step.batch)
    firsts = int((step.batch["order_labels"] != -100).sum())
    assert firsts > 0
    expected = 6 * (encoder(lengths, LAYERS, count + firsts) + step.head * count)
    assert step.flops == pytest.approx(expected, rel=1e-9)


def test_contrastive(prepared: Path) -> None:
    plain = named(prepared, "contrastive", ContrastiveConfig(**AUGMENTED))
    both = encoder(lengths_of(plain.batch), LAYERS)
    assert plain.flops == pytest.approx(6 * both, rel=1e-9)
    cached = named(prepared, "contrastive", ContrastiveConfig(**AUGMENTED, cached=True))
    assert cached.flops == pytest.approx((2 + 6) * both, rel=1e-9)


def test_contrastive_with_a_bank(prepared: Path) -> None:
    config = ContrastiveConfig(**{**AUGMENTED, "bank_size": 64}, projection=32)
    step = named(prepared, "contrastive", config)
    half = step.batch["input_ids"].shape[1] // 2
    views = [
        lengths_of({name: part[:, side] for name, part in step.batch.items()})
        for side in (slice(0, half), slice(half, None))
    ]
    queries, keys = (encoder(lengths, LAYERS) for lengths in views)
    assert queries != keys
    assert step.flops == pytest.approx(6 * queries + 2 * keys, rel=1e-9)


def several(data: Path, way: Any) -> Step:
    parts = [Part(name="mlm", weight=2.0), Part(name="contrastive", settings=AUGMENTED)]
    config = TogetherConfig(parts=parts, together=way)
    return Step(data, together(config), config)


def test_a_sum_of_two_takes_the_passes_of_both(prepared: Path) -> None:
    alone = named(prepared, "mlm"), named(prepared, "contrastive", ContrastiveConfig(**AUGMENTED))
    expected = sum(step.flops for step in alone)
    assert several(prepared, "sum").flops == pytest.approx(expected, rel=1e-9)


def test_shared_rows_are_counted_for_the_part_they_went_to(prepared: Path) -> None:
    step = several(prepared, "share")
    masked, texts = (batch_of(step.batch, n, f) for n, f in enumerate(("mlm", "contrastive")))
    assert len(masked["labels"]) and len(texts["labels"])
    count = predicted(masked)
    expected = encoder(lengths_of(masked), LAYERS, count) + step.head * count
    expected += encoder(lengths_of(texts), LAYERS)
    assert step.flops == pytest.approx(6 * expected, rel=1e-9)


def test_denoising(prepared: Path) -> None:
    step = Step(prepared, OBJECTIVES["denoising"], None, arch=f"bart:{LAYERS}x{H}")
    sources = step.batch["attention_mask"].sum(-1).flatten().tolist()
    targets = (step.batch["labels"] != -100).sum(-1).flatten().tolist()
    read, written = sum(sources), sum(targets)
    layer = ATTENTION + FEED_FORWARD
    weights = layer * LAYERS * (read + written) + step.vocabulary_size * H * written
    crossing = LAYERS * ATTENTION // 2 * (read + written)  # keys and values; queries and output
    pairs = sum(s * s + t * t / 2 + s * t for s, t in zip(sources, targets, strict=True))
    expected = 6 * (weights + crossing + LAYERS * 2 * H * pairs)
    assert step.flops == pytest.approx(expected, rel=1e-9)


def test_segments_of_rows_with_padding_and_without_borders(prepared: Path) -> None:
    batch = named(prepared, "mlm").batch
    lengths_N, is_causal_N = segments_of(batch, True)
    assert lengths_N.tolist() == lengths_of(batch) and is_causal_N.all()
    ids = batch["input_ids"]
    assert segments_of({"input_ids": ids}, False)[0].tolist() == [ids.shape[1]] * ROWS
    mask = np.arange(ids.shape[1]) < np.arange(1, ROWS + 1)[:, None]
    padded = {"input_ids": ids, "attention_mask": ids.new_tensor(mask)}
    assert segments_of(padded, False)[0].tolist() == list(range(1, ROWS + 1))


PLANNED: dict[str, dict[str, Any]] = {
    "hybrid": {"objective": "hybrid", "objective_settings": {"causal_share": 0.25}},
    "order": {"objective": "order"},
    "contrastive": {"objective": "contrastive", "objective_settings": AUGMENTED},
    "shared": {"objectives": [{"name": "mlm"}, {"name": "order"}], "together": "share"},
    "summed": {"objectives": [{"name": "mlm"}, {"name": "order"}], "balance": "gradient"},
}


def test_a_plan_tells_the_flops_of_any_objective(prepared: Path, tmp_path: Path) -> None:
    common: dict[str, Any] = {
        "data": str(prepared), "out": str(tmp_path), "arch": BERT, "steps": 9, "batch_size": 8,
        "precision": "fp32", "attention": "products8",
    }  # fmt: skip
    facts = {name: plan(PretrainConfig(**common, **own)) for name, own in PLANNED.items()}
    masked = plan(PretrainConfig(**common))
    for found in facts.values():
        per_token = 1e3 * found["gflops_a_step"] / found["tokens_a_step"]
        assert found["mflops_a_token"] == pytest.approx(per_token, rel=0.03)
        assert 0 < found["share_of_matrix_rate"] < 1
    steps = {name: found["gflops_a_step"] for name, found in facts.items()}
    alone = masked["gflops_a_step"]
    assert steps["order"] == pytest.approx(alone, rel=0.1)
    assert steps["shared"] == pytest.approx(alone, rel=0.1)
    assert steps["summed"] == pytest.approx(alone + steps["order"], rel=0.1)
    assert steps["hybrid"] > 1.1 * alone
