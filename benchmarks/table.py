"""The README's table of measurements, written from the records in `results/`.

python -m benchmarks.table          # writes it into README.md
python -m benchmarks.table --show   # prints it
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from benchmarks.record import RESULTS

README = RESULTS.parents[1] / "README.md"
BEGIN, END = "<!-- written by benchmarks.table -->", "<!-- end of the table -->"


def main() -> None:
    """Replace what stands between the marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print it, and leave README.md alone")
    if parser.parse_args().show:
        print(table())
    else:
        README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")


def with_table(text: str) -> str:
    """`text` with the present table between its marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def table() -> str:
    """Every record's rows: what, stock, here, and how many times."""
    lines = ["| what | stock | here | |", "|---|---|---|---|"]
    for kind in (_throughput, _preparation, _masking, _time_to_quality):
        lines += ["| " + " | ".join(row) + " |" for row in kind()]
    return "\n".join(lines)


def _records(pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(RESULTS.glob(pattern)):
        yield json.loads(path.read_text(encoding="utf-8"))


def _throughput() -> Iterator[tuple[str, ...]]:
    for record in _records("throughput-*.json"):
        found, settings = record["results"], record["settings"]
        stock, ours = found["stock"], found["ours"]
        size = f"{settings['family']} {settings['shape'].replace('x', '×')}"
        vocabulary = f"{settings['vocabulary'] / 1000:.0f}k"
        what = f"{size}, {vocabulary} vocabulary, rows of {settings['length']}, {ours['precision']}"
        speeds = [f"{way['tokens_per_second']['median']:,.0f} tokens/s" for way in (stock, ours)]
        yield f"training, {what}", *speeds, f"{found['ratio']['median']:.2f} ×"
        peaks = [f"{way['peak_gb']['median']:.2f} GB" for way in (stock, ours)]
        share = ours["share_of_matrix_rate"]["median"]
        note = f"{found['peak_ratio']['median']:.0%}; {share:.0%} of the matrix rate"
        yield "its memory; what ours reaches of the machine", *peaks, note


def _preparation() -> Iterator[tuple[str, ...]]:
    for record in _records("preparation.json"):
        found = record["results"]
        size = found["stock"]["text_megabytes"]
        speeds = [
            f"{found[way]['megabytes_per_second']['median']:.1f} MB/s"
            for way in ("stock", "prepare")
        ]
        ratio = found["ratio_megabytes_per_second"]
        yield f"preparing {size:.0f} MB of text, rows of 512", *speeds, f"{ratio:.1f} ×"


def _masking() -> Iterator[tuple[str, ...]]:
    for record in _records("masking.json"):
        for name, found in record["results"].items():
            if "ratio" in found:
                unit, length = name.split()
                times = [
                    f"{found['milliseconds'][way]['median']:.1f} ms" for way in ("stock", "ours")
                ]
                what = f"masking {record['settings']['rows']} rows of {int(length):,} by {unit}"
                yield what, *times, f"{found['ratio']['median']:.0f} ×"


def _time_to_quality() -> Iterator[tuple[str, ...]]:
    for record in _records("time-to-quality.json"):
        stock = record["results"]["stock"]
        for run in record["results"]["ours"]:
            what = (
                f"nats after {run['minutes']:.1f} minutes ({run['arch']}; stock {stock['arch']}, "
            )
            what += f"{stock['minutes']:.0f} minutes)"
            yield what, f"{stock['loss_nats']:.2f}", f"{run['loss_nats']:.2f}", ""
            if "trec" in run:
                scores = [f"{found['trec']['test']:.1f}" for found in (stock, run)]
                yield "its trec accuracy at 512 labels", *scores, f"BLiMP {run['blimp']:.1f}"


if __name__ == "__main__":
    main()
