"""Tokens a second of masked-LM training: the stock Trainer and ours, in turn.

    python -m benchmarks.throughput [--arch bert:4x256] [--max-length 128] [--quick]

Both train the same architecture from random weights on the same text. The stock side is what the
library's own example does: group_texts blocks, DataCollatorForLanguageModeling at 15 %, Trainer with its
defaults (fp32, the architecture's own dropout, a dense head). Ours takes the packed rows with this
package's defaults. Each measurement is a fresh process; only the steps after warm-up are timed. Tokens
are those of text and borders, padding not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from benchmarks.record import spread, write_record

WARMUP_STEPS = 3
STOCK_DROPOUT = 0.1  # BERT's published default
WAYS = ("stock", "ours")


def main() -> None:
    """Prepare the data once, measure in turn, print a table and write the record."""
    arguments = _parse()
    if arguments.way:
        print(json.dumps(_measure(arguments.way, arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder), arguments)
        rates = _interleave(folder, arguments)
    results: dict[str, Any] = {way: spread(rates[way]) for way in WAYS}
    ratios = [ours / stock for stock, ours in zip(rates["stock"], rates["ours"], strict=True)]
    results["ratio"] = spread(ratios)
    _print(results)
    name = f"throughput-{arguments.arch.replace(':', '-')}-{arguments.max_length}"
    settings = {k: v for k, v in vars(arguments).items() if k not in ("way", "folder", "out")}
    path = write_record(name, settings, results, arguments.out)
    print(f"wrote {path}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="bert:4x256")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--vocab-size", type=int, default=8192)
    parser.add_argument("--corpus", nargs="+", default=["installed-docs"])
    parser.add_argument("--megabytes", type=float, default=8.0, help="text to use")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12, help="timed steps a measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="under a minute: small and once")
    parser.add_argument("--out", type=Path, help="where to write the record")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.megabytes, arguments.steps, arguments.repeats = 1.0, 3, 1
        arguments.arch, arguments.vocab_size = "bert:2x128", 2048
    return arguments


def _prepare(folder: Path, arguments: argparse.Namespace) -> None:
    from mlm_pretrain.corpus import ReadOptions, read_corpus
    from mlm_pretrain.packing import PrepareConfig, prepare
    from tokenizer_training import train_tokenizer

    limit = ReadOptions(limit_bytes=round(arguments.megabytes * 1e6))
    text = folder / "text.jsonl"
    with text.open("w", encoding="utf-8") as file:
        for document in read_corpus(arguments.corpus, limit):
            file.write(json.dumps({"text": document.text}) + "\n")
    train_tokenizer([str(text)], "wordpiece", arguments.vocab_size, folder / "tokenizer")
    config = PrepareConfig(max_length=arguments.max_length, validation_share=0.0)
    prepare([str(text)], folder / "tokenizer", folder / "data", config)


def _interleave(folder: str, arguments: argparse.Namespace) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    shared = ["--arch", arguments.arch, "--max-length", str(arguments.max_length)]
    shared += ["--batch-size", str(arguments.batch_size), "--steps", str(arguments.steps)]
    for _ in range(arguments.repeats):
        for way in WAYS:
            command = [
                sys.executable,
                "-m",
                "benchmarks.throughput",
                "--way",
                way,
                "--folder",
                folder,
                *shared,
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rates[way].append(json.loads(done.stdout.splitlines()[-1])["tokens_per_second"])
    return rates


def _measure(way: str, arguments: argparse.Namespace) -> dict[str, float]:
    """One process: train WARMUP_STEPS + steps and time the latter."""
    trainer = {"stock": _stock_trainer, "ours": _our_trainer}[way](arguments)
    clock = StepClock(arguments.steps)
    trainer.add_callback(clock)
    trainer.train()
    positions = arguments.batch_size * arguments.max_length * arguments.steps
    return {"tokens_per_second": positions * _fill(trainer, arguments) / clock.seconds}


class StepClock(TrainerCallback):
    """Seconds from the end of the warm-up to the last step."""

    def __init__(self, steps: int) -> None:
        self.steps, self.seconds, self._start = steps, 0.0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == WARMUP_STEPS:
            self._start = time.perf_counter()
        elif state.global_step == WARMUP_STEPS + self.steps:
            self.seconds = time.perf_counter() - self._start


def _fill(trainer: Any, arguments: argparse.Namespace) -> float:
    """Share of positions that hold tokens: 1 for group_texts blocks, counted for packed rows."""
    rows = (WARMUP_STEPS + arguments.steps) * arguments.batch_size
    counted = getattr(trainer, "tokens_this_run", None)
    return 1.0 if counted is None else counted / (rows * arguments.max_length)


def _training_arguments(arguments: argparse.Namespace, **changed: Any) -> Any:
    import torch
    from transformers import TrainingArguments

    settings = {
        "output_dir": str(Path(arguments.folder) / "run"),
        "max_steps": WARMUP_STEPS + arguments.steps,
        "per_device_train_batch_size": arguments.batch_size,
        "save_strategy": "no", "logging_steps": 1_000_000, "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
    }  # fmt: skip
    return TrainingArguments(**{**settings, **changed})


def _stock_trainer(arguments: argparse.Namespace) -> Any:
    """As transformers' run_mlm example: group_texts blocks, its collator, Trainer, defaults."""
    from datasets import load_dataset
    from transformers import (
        AutoModelForMaskedLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
    )

    from benchmarks.stock import group_texts
    from mlm_pretrain.modeling.sizes import build_config

    folder = Path(arguments.folder)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    text = load_dataset("json", data_files=str(folder / "text.jsonl"), split="train")
    tokenised = text.map(
        lambda rows: tokenizer(rows["text"], return_special_tokens_mask=True),
        batched=True, remove_columns=["text"],
    )  # fmt: skip
    blocks = tokenised.map(group_texts, batched=True, fn_kwargs={"length": arguments.max_length})
    config = build_config(arguments.arch, tokenizer, arguments.max_length, dropout=STOCK_DROPOUT)
    return Trainer(
        model=AutoModelForMaskedLM.from_config(config),
        args=_training_arguments(arguments),
        train_dataset=blocks,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
    )


def _our_trainer(arguments: argparse.Namespace) -> Any:
    """The package's own trainer, optimiser and precision, as `pretrain` builds them."""
    from mlm_pretrain.training.assembly import assemble, build_trainer
    from mlm_pretrain.training.pretrain_config import PretrainConfig

    config = PretrainConfig(
        data=str(Path(arguments.folder) / "data"), out=str(Path(arguments.folder) / "run"),
        arch=arguments.arch, steps=WARMUP_STEPS + arguments.steps, batch_size=arguments.batch_size,
    )  # fmt: skip
    return build_trainer(assemble(config))


def _print(results: dict[str, Any]) -> None:
    print(f"{'':8}{'low':>10}{'median':>10}{'high':>10}   tokens a second")
    for way in WAYS:
        row = results[way]
        print(f"{way:8}{row['low']:>10,.0f}{row['median']:>10,.0f}{row['high']:>10,.0f}")
    ratio = results["ratio"]
    print(f"{'ratio':8}{ratio['low']:>10.2f}{ratio['median']:>10.2f}{ratio['high']:>10.2f}")


if __name__ == "__main__":
    main()
