"""Short trainings whose steps are split in different ways; also a program for several processes.

torchrun --nproc-per-node 2 training_splits.py DATA OUT ARCH …
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Subset
from transformers import AutoTokenizer, TrainingArguments

from mlm_pretrain.environment import leave
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.modeling.sizes import DECODERS, FAMILIES
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.contrastive import ContrastiveConfig
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.together import Part, TogetherConfig, together
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.agreement import end_processes
from mlm_pretrain.training.trainer import TokenTrainer
from mlm_pretrain.training.trainers import trainer_for

ROWS_A_STEP = 16
STEPS = 3
EVALUATED_ROWS = [1, 5, 6]  # of which two processes cannot make equal shares
BESIDE = [Part(name="mlm", weight=2.0, weight_end=0.5), Part(name="order", weight_end=3.0)]
PAIRS = [Part(name="mlm"), Part(name="nsp", weight_end=2.0)]
SETTINGS: dict[str, Any] = {
    "adaptive": ("mlm", MaskedConfig(adaptive=2.0)),
    "cached": ("contrastive", ContrastiveConfig(positives="augmented", cached=True, bank_size=40)),
    "gathered": ("contrastive", ContrastiveConfig(positives="spans", cached=True, bank_size=999)),
    "together": (None, TogetherConfig(parts=BESIDE, balance="uncertainty")),
    "shared": (None, TogetherConfig(parts=BESIDE, together="share", balance="uncertainty")),
    "balanced": (None, TogetherConfig(parts=BESIDE, balance="gradient")),
    "shared balanced": (None, TogetherConfig(parts=BESIDE, together="share", balance="gradient")),
    "pairs": (None, TogetherConfig(parts=PAIRS)),
}
# ARCH for the objective that its family has, or OBJECTIVE/ARCH, or one of SETTINGS/ARCH.
ARCHS = [
    *(f"{family}:2x64" for family in FAMILIES),
    "hybrid/bert:2x64",
    "adaptive/bert:2x64",
    "order/bert:2x64",
    "nsp/bert:2x64",
    "nsp/modernbert:2x64",
    "cached/bert:2x64",
    "replaced/bert:2x64",
    "together/bert:2x64",
    "shared/bert:2x64",
    "balanced/bert:2x64",
    "shared balanced/bert:2x64",
    "pairs/bert:2x64",
    "denoising/t5:2x64",
    "denoising/bart:2x64",
    "tsdae/bert:2x64",
    "tsdae/modernbert:2x64",
]


def objective_of(arch: str) -> Objective:
    if "/" not in arch:
        return OBJECTIVES["clm" if arch.partition(":")[0] in DECODERS else "mlm"]
    name, config = SETTINGS.get(arch.partition("/")[0], (arch.partition("/")[0], None))
    return named(name, config)


def named(name: str | None, config: Any) -> Objective:
    """The objective of this name, or without one that of several parts."""
    return together(config) if name is None else OBJECTIVES[name]


def small_model(
    arch: str, tokenizer: Any, max_length: int = 64, dropout: float = 0.0
) -> torch.nn.Module:
    """Two layers of 64, the same weights each time."""
    objective, name = objective_of(arch), arch.rpartition("/")[2]
    return new_model(
        name, objective.auto_class, tokenizer, max_length, 1, dropout, objective.family_classes
    )


def arguments(out: str | Path, **settings: Any) -> TrainingArguments:
    """Quiet, on the processor, logging every step and saving nothing unless asked."""
    quiet = {"use_cpu": True, "save_strategy": "no", "report_to": [], "disable_tqdm": True}
    return TrainingArguments(
        output_dir=str(out),
        **{**quiet, "logging_steps": 1, "dataloader_pin_memory": False, **settings},
    )


def packed_trainer(arch: str, data: str | Path, out: str | Path, **settings: Any) -> TokenTrainer:
    """A trainer on the packed rows of `data`."""
    tokenizer = AutoTokenizer.from_pretrained(Path(data) / "tokenizer")
    rows = PackedDataset(data, "train")
    return trainer_for(objective_of(arch))(
        model=small_model(arch, tokenizer, rows.max_length),
        args=arguments(out, **settings),
        train_dataset=rows,
        eval_dataset=PackedDataset(data, "validation"),
        processing_class=tokenizer,
        objective_config=SETTINGS.get(arch.partition("/")[0], (None, None))[1],
    )


def split_run(arch: str, data: str | Path, out: str | Path, batch: int, accumulation: int) -> Any:
    """What is logged in a few steps of 16 rows: (loss, gradient norm, tokens) each."""
    trainer = packed_trainer(
        arch, data, out, max_steps=STEPS, per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation, learning_rate=1e-3, optim="sgd",
    )  # fmt: skip
    trainer.train()
    lines = [line for line in trainer.state.log_history if "grad_norm" in line]
    return [(line["loss"], line["grad_norm"], line["tokens"]) for line in lines]


def evaluation(data: str | Path, out: str | Path, rows: int) -> Any:
    """(loss, predicted tokens) of the first validation rows, in batches of 2."""
    trainer = packed_trainer("bert:2x64", data, out, per_device_eval_batch_size=2)
    found = trainer.evaluate(Subset(PackedDataset(data, "validation"), range(rows)))
    return found["eval_loss"], found["eval_predicted_tokens"]


def write_and_leave(path: Path, found: Any) -> None:
    """How a program for several processes ends: with what it found as JSON, and out of their group."""
    path.write_text(json.dumps(found), encoding="utf-8")
    end_processes()
    leave(0)


def main(data: str, out: str, archs: list[str]) -> None:
    """Write what two processes of 8 rows log, whole and in micro-batches of 2; and evaluations."""
    logged: dict[str, Any] = {
        arch: [split_run(arch, data, out, *split) for split in ((8, 1), (2, 4))] for arch in archs
    }
    logged["evaluated"] = [evaluation(data, out, rows) for rows in EVALUATED_ROWS]
    name = "logged.json" if os.environ["RANK"] == "0" else f"rank{os.environ['RANK']}.json"
    write_and_leave(Path(out) / name, logged)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
