"""One fine-tuning of `benchmarks.finetuning` in a process of its own, which loads what its way needs alone.

    python -m benchmarks.finetuning_runs --way ours --task rte --model MODEL --train FILE --validation FILE \\
        --seed 0 --work DIR
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.finetuning_stock import LENGTH, STRIDE, train_stock

if TYPE_CHECKING:
    from mlm_pretrain.finetune import FinetuneConfig
    from mlm_pretrain.precision import Precision

WAYS = ("stock", "ours")
SPLITS = ("train", "validation")
# As the scripts' own instructions have them.
SETTINGS = {
    "sentiment": {"epochs": 3, "learning_rate": 2e-5, "batch_size": 32},
    "regression": {"epochs": 3, "learning_rate": 2e-5, "batch_size": 32},
    "ner": {"epochs": 3, "learning_rate": 5e-5, "batch_size": 8},
    "qa": {"epochs": 2, "learning_rate": 3e-5, "batch_size": 12},
}


class Task(NamedTuple):
    """A folder of data, what `finetune` calls its kind, and the score that counts."""

    folder: str
    kind: str
    score: str


TASKS = {
    "sst2": Task("sst2", "sentiment", "accuracy"),
    "cola": Task("glue_cola", "sentiment", "matthews"),
    "mrpc": Task("glue_mrpc", "sentiment", "accuracy"),
    "rte": Task("glue_rte", "sentiment", "accuracy"),
    "stsb": Task("glue_stsb", "regression", "spearman"),
    "wnut17": Task("wnut17", "ner", "f1"),
    "bc5cdr": Task("bc5cdr", "ner", "f1"),
    "squad": Task("squad_v1_dev", "qa", "f1"),
}


class Run(NamedTuple):
    """One fine-tuning. `precision` is of ours; without a `learning_rate` it is that of the scripts' own."""

    task: Task
    model: str
    files: dict[str, str]
    seed: int
    out: str
    precision: Precision = "fp32"
    learning_rate: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What both ways train with."""
        given = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        return {**SETTINGS[self.task.kind], **given}


def main() -> None:
    """Train and score; print the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=WAYS, required=True)
    parser.add_argument("--task", choices=TASKS, required=True)
    for name in ("model", *SPLITS):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--precision", default="fp32", help="of ours")
    parser.add_argument("--learning-rate", type=float)
    given = parser.parse_args()
    files = {split: getattr(given, split) for split in SPLITS}
    with tempfile.TemporaryDirectory(dir=given.work) as out:
        run = Run(
            TASKS[given.task], given.model, files, given.seed, out,
            given.precision, given.learning_rate,
        )  # fmt: skip
        print(json.dumps((ours if given.way == "ours" else stock)(run)))


def stock(run: Run) -> dict[str, float]:
    """As the example scripts do it."""
    return _numbers(
        train_stock(run.task.kind, run.model, run.files, run.settings, run.seed, run.out)
    )


def ours(run: Run) -> dict[str, float]:
    """As `finetune` does it."""
    from mlm_pretrain.finetune import finetune

    config = config_of(run._replace(out=f"{run.out}/tuned"))
    return _numbers(finetune(run.task.kind, config)["history"][-1])


def config_of(run: Run) -> FinetuneConfig:
    """Of ours, as stock is by its arguments."""
    from mlm_pretrain.finetune import FinetuneConfig

    kind, files = run.task.kind, dict[str, Any](run.files)
    return FinetuneConfig(
        model=run.model, **files, out=run.out, seed=run.seed, max_length=LENGTH[kind],
        stride=STRIDE if kind == "qa" else None,
        metric=run.task.score, keep="last", save_model=False, warmup_share=0.0, weight_decay=0.0,
        embedding_rate=1.0, precision=run.precision, **run.settings,
    )  # fmt: skip


def _numbers(scores: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items() if isinstance(value, float)}


if __name__ == "__main__":
    main()
