"""The main job on text that is already on the machine: its own documentation.

Docstrings become a corpus and three labelled tasks, split by document before anything is trained. A
tokenizer and a small model are trained on the corpus; then each task is fine-tuned twice on the same
few hundred labels: from the pretrained weights and from random ones.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import Field

from mlm_pretrain.claiming import claim_output
from mlm_pretrain.config import StrictConfig
from mlm_pretrain.corpus.docs_tasks import write_docs_tasks
from mlm_pretrain.evaluation.fill import fill_masks
from mlm_pretrain.evaluation.perplexity import load_for_evaluation
from mlm_pretrain.export import export
from mlm_pretrain.finetune import FinetuneConfig, finetune
from mlm_pretrain.manifest import read_manifest, write_manifest
from mlm_pretrain.modeling.build import new_model
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.progress import say
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from tokenizer_training import TokenizerConfig, train_tokenizer

# verb: (what the table calls it, folder of its files, metric, epochs)
TASKS = {
    "sentiment": ("which library (classification)", "classification", "accuracy", 8),
    "ner": ("parameter, type, default (tagging)", "tagging", "f1", 8),
    "qa": ("what is parameter X (answering)", "answering", "f1", 8),
}
PROMPTS = (
    "the number of [MASK] to use.",
    "returns a new array of the same [MASK].",
    "if true, the [MASK] is ignored.",
    "raises an error if the input is not a [MASK].",
)


class DemoConfig(StrictConfig):
    """How much of everything. The defaults take about five minutes on two cores."""

    out: str = "demo"
    minutes: float = Field(2.0, gt=0)
    corpus_bytes: int = Field(8_000_000, gt=0)
    vocab_size: int = Field(8192, gt=0)
    labels: int = Field(240, gt=0)
    eval_examples: int = Field(300, gt=0)
    arch: str = "modernbert-mini"
    max_length: int = Field(128, gt=0)
    seed: int = 0


def run_demo(config: DemoConfig | None = None, *, overwrite: bool = False) -> dict[str, Any]:
    """Run the whole way and return what it measured.

    Returns:
        `tasks` (a row each: metric, `random`, `pretrained`, `gain`), `fills` (guesses before and after
        pretraining), `pretrain` (the run's result), `corpus`, `folders` and `seconds`.
    """
    config = config or DemoConfig()
    started = time.perf_counter()
    out = claim_output(config.out, overwrite)
    corpus = _write_texts(config, out)
    trained = _train_model(config, out)
    tasks = [_compare(config, out, task) for task in TASKS]
    result = {
        "tasks": tasks,
        "fills": _fills(config, out),
        "pretrain": trained,
        "corpus": corpus,
        "folders": {p.name: str(p) for p in sorted(out.iterdir()) if p.is_dir()},
        "seconds": round(time.perf_counter() - started, 1),
    }
    counts = {row["task"]: row["gain"] for row in tasks}
    write_manifest(out, "demo", config.model_dump(mode="json"), {}, counts)
    return result


def _write_texts(config: DemoConfig, out: Path) -> dict[str, Any]:
    say("1/5  reading the documentation of the installed packages")
    found = write_docs_tasks(
        out / "texts", seed=config.seed, train_examples=config.labels,
        eval_examples=config.eval_examples, corpus_bytes=config.corpus_bytes,
    )  # fmt: skip
    for verb, (_, folder, _, _) in TASKS.items():
        (out / "texts" / folder).rename(_made(out / "tasks") / verb)
    return found


def _train_model(config: DemoConfig, out: Path) -> dict[str, Any]:
    corpus = [str(out / "texts" / "corpus.jsonl")]
    say(f"2/5  training a tokenizer of {config.vocab_size:,} entries")
    train_tokenizer(
        corpus, "wordpiece", config.vocab_size, out / "tokenizer",
        TokenizerConfig(model_max_length=config.max_length),
    )  # fmt: skip
    say("3/5  packing the text")
    prepare(corpus, out / "tokenizer", out / "data", PrepareConfig(max_length=config.max_length))
    say(f"4/5  pretraining {config.arch} for {config.minutes:g} minutes")
    run = PretrainConfig(
        data=str(out / "data"), out=str(out / "run"), arch=config.arch, minutes=config.minutes,
        seed=config.seed,
    )  # fmt: skip
    result = pretrain(run)
    export(out / "run", out / "model")
    return result


def _compare(config: DemoConfig, out: Path, task: str) -> dict[str, Any]:
    """Both fine-tunings of one task, on the same labels."""
    name, _, metric, _ = TASKS[task]
    say(f"5/5  fine-tuning: {name}, from random and from pretrained weights")
    scores = {
        start: _finetune(config, out, task, start == "random") for start in ("random", "pretrained")
    }
    gain = scores["pretrained"] - scores["random"]
    return {
        "task": task,
        "name": name,
        "metric": metric,
        "labels": config.labels,
        **scores,
        "gain": gain,
    }


def _finetune(config: DemoConfig, out: Path, task: str, random_weights: bool) -> float:
    files = out / "tasks" / task
    start = "random" if random_weights else "pretrained"
    settings = FinetuneConfig(
        model=str(out / "model"), train=str(files / "train.jsonl"),
        validation=str(files / "validation.jsonl"), test=str(files / "test.jsonl"),
        out=str(out / "finetuned" / f"{task}-{start}"), epochs=TASKS[task][3],
        random_weights=random_weights, seed=config.seed,
    )  # fmt: skip
    return float(finetune(task, settings)["metrics"]["test"][TASKS[task][2]])


def _fills(config: DemoConfig, out: Path) -> list[dict[str, Any]]:
    """The best guesses for each prompt from random and from pretrained weights."""
    trained, tokenizer, objective = load_for_evaluation(out / "model")
    length = read_manifest(out / "data", "prepare").config["max_length"]
    random = new_model(config.arch, objective.auto_class, tokenizer, length, config.seed).eval()
    return [
        {
            "text": prompt,
            "before": _top(random, tokenizer, prompt),
            "after": _top(trained, tokenizer, prompt),
        }
        for prompt in PROMPTS
    ]


def _top(model: Any, tokenizer: Any, prompt: str) -> list[str]:
    return [guess["token"] for guess in fill_masks(model, tokenizer, prompt, top=4)[0]]


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
