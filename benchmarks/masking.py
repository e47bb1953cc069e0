"""Seconds to make a masked batch: ours beside DataCollatorForLanguageModeling.

    python -m benchmarks.masking [--corpus installed-docs] [--quick]

Single tokens and whole words, at two lengths, from the same rows. The library's whole-word mode needs the
offsets of the tokens in the text, which it gets here for nothing. Beside it: the share of a training step
that making its batch takes, for the smallest model one would train (the larger the model, the smaller).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import record_path, spread, write_record

LENGTHS = (128, 1_024)
ROWS = 32
VOCABULARY = 8_192


def main() -> None:
    """Measure in turn, print a table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="installed-docs")
    parser.add_argument("--megabytes", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="under a minute: less text, and once")
    parser.add_argument("--out", type=Path, help="where to write the record")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.megabytes, arguments.repeats = 1.0, 1
    with TemporaryDirectory() as folder:
        results = _measure(Path(folder), arguments)
    _print(results)
    settings = {"corpus": Path(arguments.corpus).name, "megabytes": arguments.megabytes}
    settings |= {"repeats": arguments.repeats, "rows": ROWS}
    path = record_path("masking", arguments.out, arguments.quick)
    print("record:", write_record("masking", settings, results, path))


def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from transformers import AutoTokenizer

    from tokenizer_training import train_tokenizer

    texts = _texts(arguments)
    file = folder / "text.jsonl"
    file.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    train_tokenizer([str(file)], "wordpiece", VOCABULARY, folder / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    results: dict[str, Any] = {}
    for length in LENGTHS:
        rows = _rows(texts, tokenizer, length)
        for unit in ("token", "word"):
            ways = {"stock": _stock(tokenizer, rows, unit), "ours": _ours(tokenizer, rows, unit)}
            results[f"{unit} {length}"] = _in_turn(ways, arguments.repeats)
    results["share_of_a_step"] = _share_of_a_step(folder, arguments.repeats)
    return results


def _texts(arguments: argparse.Namespace) -> list[str]:
    from mlm_pretrain.corpus import ReadOptions, read_corpus

    limit = ReadOptions(limit_bytes=round(arguments.megabytes * 1e6))
    return [document.text for document in read_corpus([arguments.corpus], limit)]


def _rows(texts: list[str], tokenizer: Any, length: int) -> list[dict[str, Any]]:
    """A batch of full rows, with what either side asks for."""
    encoded = tokenizer(
        " ".join(texts)[: 10 * ROWS * length], truncation=True, max_length=length, stride=0,
        return_overflowing_tokens=True, return_offsets_mapping=True,
        return_special_tokens_mask=True, verbose=False,
    )  # fmt: skip
    names = ("input_ids", "offset_mapping", "special_tokens_mask", "attention_mask")
    return [{name: encoded[name][row] for name in names} for row in range(ROWS)]


def _stock(tokenizer: Any, rows: list[dict[str, Any]], unit: str) -> Callable[[], Any]:
    from transformers import DataCollatorForLanguageModeling

    word = {"whole_word_mask": True, "mask_replace_prob": 1, "random_replace_prob": 0}
    collator = DataCollatorForLanguageModeling(
        tokenizer, mlm_probability=0.3, **(word if unit == "word" else {})
    )
    drop = () if unit == "word" else ("offset_mapping",)
    kept = [{name: value for name, value in row.items() if name not in drop} for row in rows]
    return lambda: collator([dict(row) for row in kept])


def _ours(tokenizer: Any, rows: list[dict[str, Any]], unit: str) -> Callable[[], Any]:
    import numpy as np

    from mlm_pretrain.objectives import OBJECTIVES
    from mlm_pretrain.objectives.vocabulary import read_vocabulary

    objective = OBJECTIVES["mlm"]
    collator = objective.collator(
        read_vocabulary(tokenizer), objective.config.model_validate({"unit": unit}), 0
    )
    kept = [
        {"input_ids": np.array(row["input_ids"], np.int32), "epoch": 0, "example": number}
        for number, row in enumerate(rows)
    ]
    return lambda: collator(kept)


def _in_turn(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for make in ways.values():
        make()
    for _ in range(repeats):
        for way, make in ways.items():
            started, count = time.perf_counter(), 0
            while count < 3 or time.perf_counter() - started < 0.2:
                make()
                count += 1
            seconds[way].append((time.perf_counter() - started) / count)
    ratios = [stock / ours for stock, ours in zip(seconds["stock"], seconds["ours"], strict=True)]
    milliseconds = {way: spread([1e3 * s for s in values]) for way, values in seconds.items()}
    return {"milliseconds": milliseconds, "ratio": spread(ratios)}


def _share_of_a_step(folder: Path, repeats: int) -> dict[str, float]:
    """Of a step of bert 4x256 on rows of 128, with the package's defaults."""
    from mlm_pretrain.packing import PrepareConfig, prepare
    from mlm_pretrain.training.planning import batches_share
    from mlm_pretrain.training.pretrain_config import PretrainConfig

    config = PrepareConfig(max_length=LENGTHS[0], validation_share=0.0)
    prepare([str(folder / "text.jsonl")], folder / "tokenizer", folder / "data", config)
    run = PretrainConfig(
        data=str(folder / "data"), out=str(folder / "run"), arch="bert:4x256",
        batch_size=ROWS,
    )  # fmt: skip
    return spread([batches_share(run) for _ in range(repeats)])


def _print(results: dict[str, Any]) -> None:
    print(f"{'unit, length':20}{'stock ms':>10}{'ours ms':>10}{'ratio':>10}")
    for name, found in results.items():
        if "ratio" in found:
            stock, ours = (found["milliseconds"][way]["median"] for way in ("stock", "ours"))
            print(f"{name:20}{stock:>10.2f}{ours:>10.2f}{found['ratio']['median']:>10.1f}")
    print(f"batches take {results['share_of_a_step']['median']:.2%} of a step")


if __name__ == "__main__":
    main()
