"""The parts of `time_to_quality` that run in processes of their own: two trainings and the judges."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

LENGTH = 128


def _train_stock(arguments: Namespace) -> dict[str, Any]:
    from transformers import AutoTokenizer

    from benchmarks.stock import stock_blocks, stock_trainer, train_for

    folder = Path(arguments.folder)
    tokenizer = AutoTokenizer.from_pretrained(folder.parent / "tokenizer")
    blocks = stock_blocks(folder.parent / "train.jsonl", tokenizer, LENGTH, folder.parent / "cache")

    def make(steps: int) -> Any:
        return stock_trainer(
            arguments.arch, tokenizer, blocks, LENGTH, output_dir=str(folder), max_steps=steps,
            learning_rate=arguments.rate, per_device_train_batch_size=arguments.stock_batch,
        )  # fmt: skip

    trainer, minutes = train_for(make, arguments.budget * 60)
    trainer.model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    steps = trainer.state.global_step
    return {
        "learning_rate": arguments.rate, "minutes": minutes, "steps": steps,
        "tokens": steps * arguments.stock_batch * LENGTH,
    }  # fmt: skip


def _train_ours(arguments: Namespace) -> dict[str, Any]:
    from mlm_pretrain.export import export
    from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

    folder = Path(arguments.folder)
    config = PretrainConfig(
        data=str(folder.parent / f"data-{LENGTH}"), out=str(folder / "run"), arch=arguments.arch,
        minutes=arguments.budget,
    )  # fmt: skip
    result = pretrain(config, overwrite=True)
    export(folder / "run", folder / "model", overwrite=True)
    return {
        "minutes": round(result["seconds"] / 60, 2), "steps": result["steps"],
        "tokens": result["tokens"], "attention": result["attention"],
        "precision": result["precision"],
    }  # fmt: skip


def _judge_loss(arguments: Namespace) -> dict[str, Any]:
    from benchmarks.probes import guesses
    from mlm_pretrain.evaluation.perplexity import evaluate

    folder = Path(arguments.folder)
    model = str(folder / "model")
    scores = evaluate(model, folder.parent / "validation.jsonl", max_length=LENGTH)
    return {"loss_nats": round(scores["loss_nats"], 4), "guesses": guesses(model)}


def _judge_trec(arguments: Namespace, random: bool = False) -> dict[str, Any]:
    from benchmarks.probes import mean_score

    model = str(Path(arguments.folder) / "model")
    return mean_score(
        model, arguments.tasks, "trec", arguments.labels, arguments.seeds, random_weights=random
    )


def _judge_blimp(arguments: Namespace) -> dict[str, Any]:
    from mlm_pretrain.evaluation.minimal_pairs import pair_likelihoods, preference, read_pairs

    pairs = read_pairs(arguments.tasks / "blimp" / "all.jsonl.gz", arguments.pairs)
    found = preference(pairs, pair_likelihoods(Path(arguments.folder) / "model", pairs))
    return {"blimp": round(found["accuracy"], 2), "blimp_pairs": found["pairs"]}


CHILDREN = {
    "stock": lambda arguments: {**_train_stock(arguments), **_judge_loss(arguments)},
    "ours": lambda arguments: {**_train_ours(arguments), **_judge_loss(arguments)},
    "trec": _judge_trec,
    "random-trec": lambda arguments: _judge_trec(arguments, random=True),
    "blimp": _judge_blimp,
}
