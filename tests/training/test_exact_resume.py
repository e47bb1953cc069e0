"""A resumed training is the one that was never stopped: weights, optimiser, losses, batches, to the bit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import training_splits as splits
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, TrainerCallback

from mlm_pretrain.objectives.contrastive import ContrastiveConfig
from mlm_pretrain.objectives.hybrid import HybridConfig
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.together import Part, TogetherConfig
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.curriculum import CurriculumConfig, build_curriculum
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.optimizers import build_optimizer
from mlm_pretrain.training.trainers import trainer_for

STEPS, AN_EPOCH = 20, 10
ROWS = AN_EPOCH * 2 * 2  # batches of two, two of them a step
STOPS = {"within an epoch": 7, "between epochs": 10, "in the second epoch": 14}


SEVERAL = TogetherConfig(
    parts=[
        Part(name="mlm", weight=2.0, weight_end=1.0, settings={"adaptive": 1.0}),
        Part(name="order", weight_end=2.0),
        Part(name="contrastive", settings={"cached": True, "bank_size": 24, "health_every": 3}),
    ],
    together="share", balance="uncertainty",
)  # fmt: skip
BALANCED = TogetherConfig(parts=[Part(name="mlm"), Part(name="order")], balance="gradient")


class Kind(NamedTuple):
    """What is trained: an objective (None: several), its settings, whose collator, which optimiser."""

    objective: str | None
    config: Any = None
    collator: str = "own"
    optimizer: str = "adamw"
    arch: str = "bert:2x64"
    curriculum: CurriculumConfig | None = None


KINDS = {
    "tokens": Kind("mlm"),
    "words, muon": Kind("mlm", MaskedConfig(unit="word"), optimizer="muon"),
    "spans, modernbert": Kind("mlm", MaskedConfig(unit="span"), arch="modernbert:2x64"),
    "next token": Kind("clm", arch="gpt2:2x64"),
    "both ways": Kind("hybrid", HybridConfig(causal_share=0.6, causal_share_end=0.3)),
    "masks that follow the loss": Kind("mlm", MaskedConfig(adaptive=1.0, ratio_end=0.15)),
    "texts of a whole step, with a bank": Kind(
        "contrastive",
        ContrastiveConfig(positives="dropout", cached=True, bank_size=24, health_every=3),
    ),
    "replaced tokens, muon": Kind("replaced", None, "own", "muon", "replaced/bert:2x64"),
    "sentences in order": Kind("order"),
    "next sentence or not": Kind("nsp"),
    "easy rows first": Kind("mlm", curriculum=CurriculumConfig(measure="diversity", until=0.9)),
    "three objectives, a row to each": Kind(None, SEVERAL),
    "two objectives, gradients balanced": Kind(None, BALANCED),
    "texts written": Kind("denoising", arch="denoising/bart:2x64"),
    "texts written from their vectors": Kind("tsdae"),
    "a collator that draws by itself": Kind("mlm", collator="stock"),
}


class Stop(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop |= state.global_step >= self.step


class Seen(NamedTuple):
    losses: list[float]
    batches: list[str]


def train(
    kind: Kind, prepared: Path, out: Path, resume: bool = False, stop: int = STEPS, **settings: Any
) -> Seen:
    """All losses from the first step on, and the batches of this part; a checkpoint after every step."""
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    data = PackedDataset(prepared, "train")
    rows = [data[n] for n in range(ROWS)]
    collator = None
    if kind.collator == "stock":
        rows = [{"input_ids": row["input_ids"].tolist()} for row in rows]
        collator = DataCollatorForLanguageModeling(tokenizer)
    seen: list[str] = []
    base: Any = trainer_for(splits.named(kind.objective, kind.config))

    class Watching(base):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            content = b"".join(inputs[name].numpy().tobytes() for name in sorted(inputs))
            seen.append(hashlib.sha256(content).hexdigest())
            return super().training_step(model, inputs, num_items_in_batch)

    model = splits.small_model(kind.arch, tokenizer, dropout=0.1)
    settings_ = kind.config or base.objective.config()
    attach_heads(model, base.objective, read_vocabulary(tokenizer), settings_, seed=42)
    optimizer = build_optimizer(model, kind.optimizer, 1e-3, 0.05)  # type: ignore[arg-type]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    arguments: dict[str, Any] = {
        "max_steps": STEPS, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2,
        "dataloader_num_workers": 2, "save_strategy": "steps", "save_steps": 1, **settings,
    }  # fmt: skip
    trainer = Watching(
        model=model, args=splits.arguments(out, **arguments), train_dataset=rows,
        data_collator=collator, processing_class=tokenizer, objective_config=kind.config,
        optimizers=(optimizer, schedule), callbacks=[Stop(stop)],
    )  # fmt: skip
    if kind.curriculum is not None:
        trainer.curriculum = build_curriculum(kind.curriculum, rows, seed=1)
    trainer.train(resume_from_checkpoint=resume)
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return Seen(losses, seen)


def state(out: Path, step: int = STEPS) -> dict[str, str]:
    """sha256 of weights, optimiser, schedule and generators, and of what the loss needs beside the model."""
    names = ("model", "optimizer", "scheduler", "generators-0", "heads")
    files = {name: out / f"checkpoint-{step}" / f"{name}.safetensors" for name in names}
    found = {name: path for name, path in files.items() if name != "heads" or path.exists()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_resumed_twice_to_the_same_bits(kind: Kind, prepared: Path, tmp_path: Path) -> None:
    whole = train(kind, prepared, tmp_path / "whole")
    assert len(whole.losses) == STEPS
    assert len(set(whole.batches)) == len(whole.batches) == 2 * STEPS
    for start in STOPS.values():
        out = tmp_path / f"from-{start}"
        out.mkdir()
        (tmp_path / "whole" / f"checkpoint-{start}").rename(out / f"checkpoint-{start}")
        first = train(kind, prepared, out, resume=True, stop=start + 2)
        second = train(kind, prepared, out, resume=True)
        assert first.batches + second.batches == whole.batches[2 * start :]
        assert second.losses == whole.losses
        assert state(out) == state(tmp_path / "whole")


def test_losses_are_the_same_however_seldom_they_are_logged(prepared: Path, tmp_path: Path) -> None:
    """Stopped between two logs, and with the loader's processes or without."""
    kind = KINDS["tokens"]
    whole = train(kind, prepared, tmp_path / "a", logging_steps=4, dataloader_num_workers=0)
    train(kind, prepared, tmp_path / "b", stop=7, logging_steps=4)
    rest = train(kind, prepared, tmp_path / "b", resume=True, logging_steps=4)
    assert rest.losses == whole.losses
    assert len(whole.losses) == STEPS / 4
    assert state(tmp_path / "b") == state(tmp_path / "a")
