"""Text per second from plain jsonl to training rows: `prepare` beside the usual way.

The usual way is the one of the masked-language-model example script: `datasets.map` over the stock
tokenizer call in batches, then a second `map` that joins and cuts (`group_texts`), in one process
(whose tokenizer uses every core by itself). Both read the same jsonl file and write to an empty
folder, each in a fresh process, in turn. Time starts when the libraries are imported; the time of
the whole process, imports included, is recorded beside it.

    python -m benchmarks.preparation --corpus texts.jsonl.gz --tokenizer tokenizer/
    python -m benchmarks.preparation --quick
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.record import record_path, spread, write_record
from benchmarks.stock import group_texts

MAX_LENGTH = 512
WAYS = ("stock", "prepare")


def main() -> None:
    """Measure both ways in turn, print a table, write a record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_measure(arguments.child, *arguments.paths)))
        return
    with tempfile.TemporaryDirectory() as folder:
        jsonl = _write_jsonl(arguments.corpus, arguments.megabytes, Path(folder) / "corpus.jsonl")
        tokenizer = arguments.tokenizer or _train_tokenizer(jsonl, Path(folder) / "tokenizer")
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for repeat in range(arguments.repeats):
            for way in WAYS if repeat % 2 == 0 else WAYS[::-1]:
                runs[way].append(_run(way, jsonl, tokenizer))
    settings = {
        "corpus": [Path(spec).name for spec in arguments.corpus],
        "tokenizer": Path(arguments.tokenizer).name
        if arguments.tokenizer
        else "WordPiece 8192, trained on the corpus",
        "max_length": MAX_LENGTH,
        "repeats": arguments.repeats,
    }
    results = _summarise(runs)
    _print(results)
    path = record_path("preparation", arguments.out, arguments.quick)
    print("record:", write_record("preparation", settings, results, path))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", nargs="+", default=["installed-docs"])
    parser.add_argument("--tokenizer", help="folder; default: one trained on the corpus")
    parser.add_argument("--megabytes", type=float, default=200.0, help="text to use at most")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="4 MB of text, once, under a minute")
    parser.add_argument("--out", type=Path, help="record to write")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--paths", nargs=3, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.megabytes, arguments.repeats = 4.0, 1
    return arguments


def _write_jsonl(corpus: list[str], megabytes: float, path: Path) -> Path:
    from mlm_pretrain.corpus import ReadOptions, read_corpus

    options = ReadOptions(limit_bytes=int(megabytes * 1e6))
    with path.open("w", encoding="utf-8") as file:
        for document in read_corpus(corpus, options):
            file.write(json.dumps({"text": document.text}, ensure_ascii=False) + "\n")
    return path


def _train_tokenizer(jsonl: Path, folder: Path) -> Path:
    """A WordPiece as in BERT, by the library's own trainer."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast

    with jsonl.open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line, _ in zip(file, range(3000), strict=False)]
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(texts, vocab_size=8192, show_progress=False)
    names = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]", "unk": "[UNK]"}
    PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        model_max_length=MAX_LENGTH,
        **{f"{role}_token": token for role, token in names.items()},
    ).save_pretrained(folder)
    return folder


def _run(way: str, jsonl: Path, tokenizer: str | Path) -> dict[str, Any]:
    """One measurement in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(jsonl), str(tokenizer), str(Path(folder) / "out")]
        command = [
            sys.executable,
            "-m",
            "benchmarks.preparation",
            "--child",
            way,
            "--paths",
            *paths,
        ]
        root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        began = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, **quiet, "PYTHONPATH": path}, check=True,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        whole = time.perf_counter() - began
    result = {**json.loads(done.stdout.splitlines()[-1]), "process_seconds": whole}
    print(f"{way}: {result['seconds']:.1f} s", file=sys.stderr)
    return result


def _measure(way: str, jsonl: Path, tokenizer: Path, out: Path) -> dict[str, Any]:
    work = {"stock": _stock, "prepare": _prepare}[way]()
    began = time.perf_counter()
    facts = work(jsonl, tokenizer, out)
    seconds = time.perf_counter() - began
    # Kilobytes on Linux. A child's peak is that of the largest; count it once a process.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = own + child * facts.pop("processes")
    if "text_bytes" not in facts:  # counted on nobody's time, and `prepare` counts on its own
        facts["text_bytes"] = _text_bytes(jsonl)
    return {"seconds": seconds, "peak_megabytes": peak / 1024, **facts}


def _prepare() -> Callable[[Path, Path, Path], dict[str, Any]]:
    from mlm_pretrain.packing import PrepareConfig, prepare

    def work(jsonl: Path, tokenizer: Path, out: Path) -> dict[str, Any]:
        report = prepare([str(jsonl)], tokenizer, out, PrepareConfig(max_length=MAX_LENGTH))
        splits = [report["train"], report["validation"]]
        processes = report["processes"]
        return {
            "text_bytes": sum(split["text_bytes"] for split in splits),
            "tokens": sum(split["tokens"] for split in splits),
            "fill": report["train"]["fill"],
            "processes": processes if processes > 1 else 0,
        }

    return work


def _stock() -> Callable[[Path, Path, Path], dict[str, Any]]:
    import datasets
    from transformers import AutoTokenizer

    def work(jsonl: Path, tokenizer_folder: Path, out: Path) -> dict[str, Any]:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
        files, cache = str(jsonl), str(out)
        raw = datasets.load_dataset("json", data_files=files, cache_dir=cache, split="train")
        tokenised = raw.map(
            lambda rows: tokenizer(rows["text"], return_special_tokens_mask=True),
            batched=True,
            remove_columns=raw.column_names,
        )
        grouped = tokenised.map(group_texts, batched=True, fn_kwargs={"length": MAX_LENGTH})
        return {"tokens": len(grouped) * MAX_LENGTH, "fill": 1.0, "processes": 0}

    return work


def _text_bytes(jsonl: Path) -> int:
    with jsonl.open(encoding="utf-8") as file:
        return sum(len(json.loads(line)["text"].encode()) for line in file)


def _summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    summary: dict[str, Any] = {"runs": runs}
    for way, measured in runs.items():
        size = measured[0]["text_bytes"] / 1e6
        summary[way] = {
            "text_megabytes": round(size, 1),
            "megabytes_per_second": spread([round(size / run["seconds"], 2) for run in measured]),
            "with_imports": spread([round(size / run["process_seconds"], 2) for run in measured]),
            "peak_megabytes": spread([round(run["peak_megabytes"]) for run in measured]),
        }
    for figure in ("megabytes_per_second", "with_imports"):
        ratio = summary["prepare"][figure]["median"] / summary["stock"][figure]["median"]
        summary[f"ratio_{figure}"] = round(ratio, 2)
    return summary


def _print(results: dict[str, Any]) -> None:
    print(f"{'':10}{'MB/s':>8}{'low':>8}{'high':>8}{'with imports':>14}{'peak MB':>10}")
    for way in WAYS:
        speed, figures = results[way]["megabytes_per_second"], results[way]
        numbers = f"{speed['median']:8.2f}{speed['low']:8.2f}{speed['high']:8.2f}"
        imports, peak = figures["with_imports"]["median"], figures["peak_megabytes"]["median"]
        print(f"{way:10}{numbers}{imports:14.2f}{peak:10.0f}")
    ratios = [results[f"ratio_{name}"] for name in ("megabytes_per_second", "with_imports")]
    print(f"prepare is {ratios[0]} times as fast ({ratios[1]} with imports)")


if __name__ == "__main__":
    main()
