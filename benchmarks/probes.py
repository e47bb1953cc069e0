"""What a model knows beside its loss: short fine-tuning, and masks in short sentences."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

SENTENCES = (
    "the capital of france is [MASK].",
    "he was born in [MASK] and died in 1950.",
    "she is a member of the [MASK] party.",
    "the film was directed by [MASK] smith.",
    "water is made of hydrogen and [MASK].",
)

# The tasks to judge by, and the kind `finetune` knows each as; a folder of each name lies in `--tasks`.
TASK_KINDS = {"trec": "sentiment", "sst2": "sentiment", "wnut17": "ner"}


def task_score(
    model: str, data: Path, task: str, labels: int, seed: int, **settings: Any
) -> dict[str, float]:
    """Validation and test score (accuracy, or F1 of entities), in percent, of a model fine-tuned with the
    package's defaults but for `settings`.

    The epoch is chosen by validation. So should be whatever is chosen between models: the test accuracy is
    for what has been chosen.
    """
    from mlm_pretrain.finetune.config import FinetuneConfig
    from mlm_pretrain.finetune.run import finetune

    files: dict[str, Any] = {
        split: str(data / task / f"{split}.jsonl.gz") for split in ("train", "validation", "test")
    }
    with tempfile.TemporaryDirectory() as folder:
        config = FinetuneConfig(
            model=model, **files, out=f"{folder}/tuned", seed=seed, max_train_examples=labels,
            **settings,
        )  # fmt: skip
        result = finetune(TASK_KINDS[task], config)
    splits = ("validation", "test")
    return {s: round(100 * float(result["metrics"][s][result["best_by"]]), 2) for s in splits}


def mean_score(
    model: str, data: Path, task: str, labels: int, seeds: int, **settings: Any
) -> dict[str, Any]:
    """`task_score` over the seeds: each, and the means."""
    scores = [task_score(model, data, task, labels, seed, **settings) for seed in range(seeds)]
    means = {
        split: round(statistics.mean(score[split] for score in scores), 2)
        for split in ("validation", "test")
    }
    return {**means, "scores": scores}


def guesses(model: str) -> dict[str, list[str]]:
    """The five likeliest words for the mask of each sentence."""
    from mlm_pretrain.evaluation.fill import fill

    found = {text: fill(model, text)["masks"][0] for text in SENTENCES}
    return {text: [guess["token"] for guess in best] for text, best in found.items()}
