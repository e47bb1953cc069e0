"""Tokens a second of masked-LM training: the stock Trainer and ours, in turn.

    python -m benchmarks.throughput [--sizes 4x256-8k-128 …] [--family bert]
    python -m benchmarks.throughput --quick

Both train the same architecture from random weights on the same text. The stock side is what the
library's own example does: group_texts blocks, DataCollatorForLanguageModeling at 15 %, Trainer with its
defaults (fp32, the architecture's own dropout, a dense head). Ours takes the packed rows with this
package's defaults. Each measurement is a fresh process; only the steps after warm-up are timed. Tokens
are those of text and borders, padding not counted.

Beside it: the most memory either process held beyond its libraries, and the share of the machine's matrix
rate that ours reaches, counting the FLOPs the model needs (the head's for predicted tokens alone).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.record import record_path, spread, write_record
from benchmarks.throughput_runs import CHILDREN

WAYS = ("stock", "ours")


@dataclass(frozen=True)
class Size:
    """What is trained: layers × hidden width, vocabulary, tokens a row, rows a step, timed steps."""

    shape: str
    vocabulary: int
    length: int
    rows: int
    steps: int


SIZES = {
    "4x256-8k-128": Size("4x256", 8_192, 128, 32, 8),
    "4x256-8k-512": Size("4x256", 8_192, 512, 8, 8),
    "6x384-30k-512": Size("6x384", 30_000, 512, 8, 4),
    "12x768-30k-128": Size("12x768", 30_000, 128, 16, 3),
}
QUICK = Size("2x128", 2_048, 128, 32, 3)


def main() -> None:
    """For each size: prepare the data once, measure in turn, print a table, write a record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(CHILDREN[arguments.child](json.loads(arguments.given))))
        return
    sizes = {"quick": QUICK} if arguments.quick else {name: SIZES[name] for name in arguments.sizes}
    for name, size in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            _prepare(Path(folder), size, arguments)
            runs = _interleave(folder, size, arguments)
        results = _summarise(runs)
        _print(f"{arguments.family} {name}", results)
        settings = {
            "family": arguments.family, **asdict(size), "corpus": arguments.corpus_name,
            "megabytes": arguments.megabytes, "repeats": arguments.repeats,
        }  # fmt: skip
        record = f"throughput-{arguments.family}-{name}"
        path = record_path(record, arguments.out, arguments.quick)
        print("record:", write_record(record, settings, results, path))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--family", default="bert")
    parser.add_argument("--corpus", default="installed-docs")
    parser.add_argument("--megabytes", type=float, default=40.0, help="text to use")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="under a minute: small and once")
    parser.add_argument("--out", type=Path, help="where to write the record (of one size)")
    parser.add_argument("--child", choices=list(CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--given", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.megabytes, arguments.repeats = 1.0, 1
    arguments.corpus_name = Path(arguments.corpus).name
    return arguments


def _prepare(folder: Path, size: Size, arguments: argparse.Namespace) -> None:
    from mlm_pretrain.corpus import ReadOptions, read_corpus
    from mlm_pretrain.packing import PrepareConfig, prepare
    from tokenizer_training import train_tokenizer

    limit = ReadOptions(limit_bytes=round(arguments.megabytes * 1e6))
    text = folder / "text.jsonl"
    with text.open("w", encoding="utf-8") as file:
        for document in read_corpus([arguments.corpus], limit):
            file.write(json.dumps({"text": document.text}) + "\n")
    train_tokenizer([str(text)], "wordpiece", size.vocabulary, folder / "tokenizer")
    config = PrepareConfig(max_length=size.length, validation_share=0.0)
    prepare([str(text)], folder / "tokenizer", folder / "data", config)


def _interleave(
    folder: str, size: Size, arguments: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    given = {"folder": folder, "arch": f"{arguments.family}:{size.shape}", **asdict(size)}
    _child("cache", given)
    for _ in range(arguments.repeats):
        for way in WAYS:
            runs[way].append(_child(way, given))
    return runs


def _child(name: str, given: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.throughput", "--child", name]
    done = subprocess.run(
        [*command, "--given", json.dumps(given)], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _summarise(runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for way, measured in runs.items():
        results[way] = {
            "tokens_per_second": spread([run["tokens_per_second"] for run in measured]),
            "peak_gb": spread([run["peak_gb"] for run in measured]),
        }
    pairs = list(zip(runs["ours"], runs["stock"], strict=True))
    speeds = [ours["tokens_per_second"] / stock["tokens_per_second"] for ours, stock in pairs]
    results["ratio"] = spread(speeds)
    results["peak_ratio"] = spread([ours["peak_gb"] / stock["peak_gb"] for ours, stock in pairs])
    shares = [run["share_of_matrix_rate"] for run in runs["ours"]]
    results["ours"]["share_of_matrix_rate"] = spread(shares)
    results["ours"]["precision"] = runs["ours"][0]["precision"]
    results["ours"]["attention"] = sorted({str(run["attention"]) for run in runs["ours"]})
    return results


def _print(title: str, results: dict[str, Any]) -> None:
    print(f"{title:32}{'low':>10}{'median':>10}{'high':>10}{'peak GB':>10}")
    for way in WAYS:
        row, peak = results[way]["tokens_per_second"], results[way]["peak_gb"]["median"]
        numbers = f"{row['low']:>10,.0f}{row['median']:>10,.0f}{row['high']:>10,.0f}"
        print(f"{way + ', tokens a second':32}{numbers}{peak:>10.2f}")
    ratio = results["ratio"]
    numbers = f"{ratio['low']:>10.2f}{ratio['median']:>10.2f}{ratio['high']:>10.2f}"
    print(f"{'ratio':32}{numbers}{results['peak_ratio']['median']:>10.2f}")
    ours = results["ours"]
    share = ours["share_of_matrix_rate"]["median"]
    print(f"{share:.0%} of the matrix rate in {ours['precision']}; attention {ours['attention']}")


if __name__ == "__main__":
    main()
