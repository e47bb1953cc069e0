"""What a model knows beside its loss: short fine-tuning, minimal pairs, and masks in short sentences."""

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, TypeAlias

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

    files = {
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


Pair: TypeAlias = tuple[str, str, str]  # paradigm, right sentence, wrong sentence


def blimp_accuracy(model: str, path: Path, pairs_a_paradigm: int) -> dict[str, Any]:
    """Share of minimal pairs whose right sentence is likelier, in percent; a tie counts half.

    BLiMP (Warstadt et al. 2020): the mean over its 67 paradigms, of which the first pairs are taken.
    """
    pairs = blimp_pairs(path, pairs_a_paradigm)
    return preferred(pairs, likelihoods(model, pairs))


def likelihoods(model: str, pairs: list[Pair]) -> list[float]:
    """Log-likelihoods of the right and the wrong sentence of each pair, in turn."""
    from mlm_pretrain.evaluation.perplexity import load_for_evaluation
    from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores

    network, tokenizer, objective = load_for_evaluation(model)
    sentences = [text for _, good, bad in pairs for text in (good, bad)]
    return sentence_scores(network, tokenizer, sentences, objective.is_causal)


def preferred(pairs: list[Pair], scores: list[float]) -> dict[str, Any]:
    """How often the right sentences have the higher of these scores."""
    points: dict[str, list[float]] = defaultdict(list)
    for (paradigm, _, _), good, bad in zip(pairs, scores[::2], scores[1::2], strict=True):
        points[paradigm].append(0.5 if good == bad else float(good > bad))
    means = {name: 100 * sum(values) / len(values) for name, values in points.items()}
    return {"accuracy": sum(means.values()) / len(means), "pairs": len(pairs), "paradigms": means}


def blimp_pairs(path: Path, limit: int) -> list[Pair]:
    """The first `limit` of each; pairs that do not differ are left out."""
    taken: dict[str, int] = defaultdict(int)
    pairs = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            name, good, bad = row["UID"], row["sentence_good"], row["sentence_bad"]
            if good != bad and taken[name] < limit:
                taken[name] += 1
                pairs.append((name, good, bad))
    return pairs


def guesses(model: str) -> dict[str, list[str]]:
    """The five likeliest words for the mask of each sentence."""
    from mlm_pretrain.evaluation.fill import fill

    found = {text: fill(model, text)["masks"][0] for text in SENTENCES}
    return {text: [guess["token"] for guess in best] for text, best in found.items()}
