"""The tables of measurements in the pages of `PAGES`, written from the records in `results/`.

python -m benchmarks.table          # writes them
python -m benchmarks.table --show   # prints them
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks import objectives_table
from benchmarks.pairing import paired_text
from benchmarks.probes import TASK_KINDS
from benchmarks.record import RESULTS, entries_of
from benchmarks.report_sections import mean_text
from mlm_pretrain.report import markdown_table

ROOT = RESULTS.parents[1]
BEGIN, END = "<!-- written by benchmarks.table -->", "<!-- end of the table -->"


def main() -> None:
    """Replace what stands between the marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print them, and leave the files alone")
    shown = parser.parse_args().show
    for name, tables in PAGES.items():
        if shown:
            print(tables(), end="\n\n")
        else:
            page = ROOT / name
            page.write_text(with_tables(page.read_text(encoding="utf-8"), name), encoding="utf-8")


def with_tables(text: str, name: str) -> str:
    """`text` of a page with the present tables between their marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{PAGES[name]()}\n{END}{rest.split(END)[1]}"


def measured() -> str:
    """Speeds beside stock's, and what a number of minutes gives."""
    speeds = [*_throughput(), *_preparation(), *_masking(), *_kill9()]
    speeds += _finetuning()
    tables = [markdown_table(("what", "stock", "here", ""), speeds)]
    for head, rows in _time_to_quality():
        tables += [
            head,
            markdown_table(("trained", "minutes", "tokens", "nats", "trec", "BLiMP"), rows),
        ]
    return "\n\n".join(tables)


def choices() -> str:
    """What each choice of the pretraining recipe is worth, a table a size."""
    tables = []
    for record in _records("recipe-*.json"):
        tables += [_recipe_text(record["settings"]), _recipe(record["results"]["rows"])]
    return "\n\n".join(tables)


def objectives() -> str:
    """What each objective gives in the same minutes."""
    tables = []
    for record in _records("objectives*.json"):
        runs = entries_of(record)
        rows = markdown_table(objectives_table.HEAD, objectives_table.rows_of(runs))
        tables += [objectives_table.text_of(runs), rows]
    return "\n\n".join(tables)


PAGES = {
    "README.md": measured,
    "recipes/README.md": choices,
    "mlm_pretrain/objectives/README.md": objectives,
}


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


def _kill9() -> Iterator[tuple[str, ...]]:
    for record in _records("kill9.json"):
        found = record["results"]
        stock = found["stock"]
        yield (
            "killed (kill -9) while saving every step, resumed to the same bits",
            f"{stock['resumed_bitwise']} of {stock['kills']}; {stock['crashed']} crashed",
            f"{found['resumed_bitwise']} of {found['kills']}",
            f"{found['moments']['while saving']} of them within a save",
        )


def _finetuning() -> Iterator[tuple[str, ...]]:
    for record in _records("finetuning.json"):
        for name, found in entries_of(record).items():
            settings, ways = found["settings"], [found[way] for way in ("stock", "ours")]
            rows = f"{settings['train_rows']:,} rows, " if settings["train_rows"] else ""
            task, own = name.partition(",")[0], settings["precision"]
            ours = "" if own == "fp32" else f", here in {own}"
            what = f"fine-tuning {settings['model']} on {task}{ours}: {rows}{found['score']}, a run"
            cells = [
                f"{mean_text(way['scores'])}, {statistics.median(way['seconds']):.0f} s"
                for way in ways
            ]
            difference = paired_text(ways[0]["scores"], ways[1]["scores"])
            yield what, *cells, f"{difference}; {1 / found['time_ratio']:.1f} ×"


def _time_to_quality() -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    for record in _records("time-to-quality.json"):
        found = record["results"]
        stock = found["stock"]
        rows = [_quality_row(f"here, {_family(run)}", run) for run in found["ours"]]
        rows.append(_quality_row(f"stock, {_family(stock)} at {stock['learning_rate']:g}", stock))
        if "random_trec" in stock:
            rows.append(("random weights", "", "", "", f"{stock['random_trec']['test']:.1f}", ""))
        yield _quality_text(record["settings"]), rows


def _quality_text(settings: dict[str, Any]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in settings["stock_rates"])
    size = settings["size"].replace("x", "×")
    return (
        f"Text of {settings['corpus']}, WordPiece 8,192, rows of 128, {size}: nats a token on fixed\n"
        f"15 % masks of held-out text; accuracy on trec's test after fine-tuning on {settings['labels']}\n"
        f"labels, the mean of {settings['seeds']} seeds; BLiMP's minimal pairs. Stock is the better of bert\n"
        f"and modernbert at the best of {rates}, each tried for {settings['screen_minutes']:g} minutes:"
    )


def _family(run: dict[str, Any]) -> str:
    return str(run["arch"]).split(":")[0]


def _quality_row(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    probes = [f"{run['trec']['test']:.1f}", f"{run['blimp']:.1f}"] if "trec" in run else ["", ""]
    return name, f"{run['minutes']:.1f}", f"{run['tokens']:,}", f"{run['loss_nats']:.2f}", *probes


def _recipe_text(settings: dict[str, Any]) -> str:
    arch = settings["arch"].replace(":", " ").replace("x", "×")
    labels, seeds = settings["labels"], settings["seeds"]
    return (
        f"{arch}, rows of {settings['max_length']}, text of {settings['corpus']};\n"
        f"{settings['tokens']:,} tokens each, in steps of {settings['batch_tokens']:,} unless said;\n"
        f"scores from {labels} labels, the mean of {seeds} seeds:"
    )


def _recipe(rows: list[dict[str, Any]]) -> str:
    probes = [name for name in TASK_KINDS if name in rows[0]]
    cells = [
        (
            row["variant"],
            f"{row['loss_nats']:.3f}",
            *(f"{row[p]['validation']:.1f}" for p in probes),
        )
        for row in rows
    ]
    return markdown_table(("variant", "nats", *probes), cells)


if __name__ == "__main__":
    main()
