"""What an extended tokenizer costs and saves: its speed beside the old one's, and tokens of held-out text.

    python -m benchmarks.tokenizer_extension --tokenizer MODEL --corpus field.jsonl --validation other.jsonl
    python -m benchmarks.tokenizer_extension --quick

Three ways to code the held-out text, in turn, by the tokenizers library on one thread: the old tokenizer; the
same extended inside its model; and the same words as added tokens, which is the usual way. Without
`--tokenizer` a WordPiece and a byte-level BPE are trained on the first documents of the corpus, and extended
by words of the others. The ratio is of seconds for the same text, repeat by repeat.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import record_path, spread, write_record

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # before the library is loaded

WAYS = ("old", "extended", "added")
TRAINED = ("wordpiece", "byte-bpe")
ENTRIES = 8_192
_BASE_DOCUMENTS = 300
_BATCH = 64


def main() -> None:
    """Extend each tokenizer, measure in turn, print a table, write the record."""
    arguments = _parse()
    with TemporaryDirectory() as folder:
        texts = _texts(arguments.validation or arguments.corpus, arguments.megabytes)
        results = {
            name: _measure(base, Path(folder) / f"extended-{name}", texts, arguments)
            for name, base in _bases(arguments, Path(folder)).items()
        }
    _print(results)
    settings = {
        "tokenizers": [Path(base).name for base in arguments.tokenizer] or list(TRAINED),
        "corpus": [Path(spec).name for spec in arguments.corpus],
        "keep": [Path(spec).name for spec in arguments.keep],
        "validation": [Path(spec).name for spec in arguments.validation],
        "words": arguments.words,
        "megabytes": arguments.megabytes,
        "repeats": arguments.repeats,
    }
    path = record_path("tokenizer_extension", arguments.out, arguments.quick)
    print("record:", write_record("tokenizer_extension", settings, results, path))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokenizer", nargs="*", default=[], help="folders or Hub names")
    parser.add_argument("--corpus", nargs="+", default=["installed-docs"], help="text of the field")
    parser.add_argument("--keep", nargs="*", default=[], help="general text whose words stay")
    parser.add_argument("--validation", nargs="*", default=[], help="held-out text of the field")
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument(
        "--megabytes", type=float, default=8.0, help="held-out text to code at most"
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: less text, fewer words"
    )
    parser.add_argument("--out", type=Path, help="where to write the record")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.words, arguments.megabytes, arguments.repeats = 100, 0.3, 3
    return arguments


def _texts(specs: Sequence[str], megabytes: float) -> list[str]:
    from mlm_pretrain.corpus import ReadOptions, read_corpus

    limit = ReadOptions(limit_bytes=int(megabytes * 1e6))
    return [document.text for document in read_corpus(specs, limit)]


def _bases(arguments: argparse.Namespace, folder: Path) -> dict[str, str | Path]:
    if arguments.tokenizer:
        return {Path(base).name: base for base in arguments.tokenizer}
    from mlm_pretrain.corpus import ReadOptions
    from tokenizer_training import TokenizerConfig, train_tokenizer

    config = TokenizerConfig(reading=ReadOptions(limit_documents=_BASE_DOCUMENTS))
    size = 2_000 if arguments.quick else ENTRIES
    for algorithm in TRAINED:
        train_tokenizer(arguments.corpus, algorithm, size, folder / algorithm, config)
    return {algorithm: folder / algorithm for algorithm in TRAINED}


def _measure(
    base: str | Path, out: Path, texts: list[str], arguments: argparse.Namespace
) -> dict[str, Any]:
    from mlm_pretrain.corpus import ReadOptions
    from tokenizer_training.extending import ExtendConfig, extend_tokenizer

    reading = ReadOptions(limit_bytes=1_000_000 if arguments.quick else None)
    config = ExtendConfig(keep=arguments.keep, validation=arguments.validation, reading=reading)
    report = extend_tokenizer(base, arguments.corpus, arguments.words, out, config)
    seconds = _in_turn(_opened(base, out, report), texts, arguments.repeats)
    ratios = {
        way: spread([s / old for s, old in zip(seconds[way], seconds["old"], strict=True)])
        for way in WAYS[1:]
    }
    size = sum(len(text.encode()) for text in texts) / 1e6
    return {
        "mechanism": report["mechanism"],
        "entries": [report["entries_before"], report["entries_after"]],
        "words": report["words"],
        "megabytes_per_second": {way: spread([size / s for s in seconds[way]]) for way in WAYS},
        "ratio": ratios,
        "corpus": report["corpus"],
        **{name: report[name] for name in ("kept", "validation") if name in report},
    }


def _opened(base: str | Path, out: Path, report: dict[str, Any]) -> dict[str, Any]:
    """The three tokenizers, without truncation and padding."""
    from tokenizers import AddedToken, Tokenizer

    from mlm_pretrain.extension import read_extension
    from tokenizer_training.extending.base import open_base

    opened = open_base(base)
    extended = Tokenizer.from_file(str(out / "tokenizer.json"))
    added = Tokenizer.from_str(opened.tokenizer.to_str())
    extension = read_extension(out)
    words = [opened.readable(token) for token in extension.tokens.values()] if extension else []
    added.add_tokens([AddedToken(word, single_word=True, normalized=True) for word in words])
    found = {"old": opened.tokenizer, "extended": extended, "added": added}
    for tokenizer in found.values():
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return found


def _in_turn(tokenizers: dict[str, Any], texts: list[str], repeats: int) -> dict[str, list[float]]:
    """Seconds of each way by repeat, after one that counts for nothing; the order turns each time."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for repeat in range(repeats + 1):
        turn = repeat % len(WAYS)
        for way in (*WAYS[turn:], *WAYS[:turn]):
            began = time.perf_counter()
            for start in range(0, len(texts), _BATCH):
                tokenizers[way].encode_batch_fast(texts[start : start + _BATCH])
            if repeat:
                seconds[way].append(time.perf_counter() - began)
    return seconds


def _print(results: dict[str, Any]) -> None:
    print(f"{'':16}{'old MB/s':>10}{'extended':>10}{'time ×':>8}{'added ×':>9}{'saved':>8}")
    for name, found in results.items():
        speed, ratio = found["megabytes_per_second"], found["ratio"]
        text = found.get("validation", found["corpus"])
        print(
            f"{name:16}{speed['old']['median']:10.2f}{speed['extended']['median']:10.2f}"
            f"{ratio['extended']['median']:8.3f}{ratio['added']['median']:9.2f}{text['saved_share']:8.1%}"
        )


if __name__ == "__main__":
    main()
