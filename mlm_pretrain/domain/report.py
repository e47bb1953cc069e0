"""`domain_report.json` and the same for a reader, `domain_report.md`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.domain.fit import NEW_WORDS
from mlm_pretrain.manifest import write_json

JSON_FILE, TEXT_FILE = "domain_report.json", "domain_report.md"
Rows = list[list[str]]


def write_report(folder: str | Path, found: dict[str, Any]) -> list[str]:
    """Write both files; gives their names."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON_FILE, found)
    parts = [
        f"# {found['model']} and its domain: {found['advice']['verdict']}",
        "\n".join(f"- {sentence}" for sentence in sentences(found)),
        *("\n".join(_markdown(rows)) for rows in tables(found)),
    ]
    (folder / TEXT_FILE).write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return [str(folder / name) for name in (JSON_FILE, TEXT_FILE)]


def sentences(found: dict[str, Any]) -> list[str]:
    """Reasons and warnings of the advice, then what was found of the tasks' texts and of the time."""
    advice = found["advice"]
    return [
        *advice["reasons"],
        *advice["warnings"],
        *(_overlap(name, record, "clean" in found) for name, record in found["overlap"].items()),
        *_cleaned(found.get("clean")),
        *_forecast(found.get("forecast")),
    ]


def tables(found: dict[str, Any]) -> list[Rows]:
    """Both texts under the model, and the distance between them where there are two; headers first."""
    return [_texts(found), *([_distances(found["words"])] if found["words"] else [])]


def _texts(found: dict[str, Any]) -> Rows:
    names = [name for name in ("domain", "general") if name in found]
    rows = [["", *(f"{name} text" for name in names)]]

    def add(title: str, values: Sequence[str]) -> None:
        rows.append([title, *values])

    sizes, fits = [found[name] for name in names], [found["fit"][name] for name in names]
    add("documents", [f"{size['documents']:,}" for size in sizes])
    add("megabytes", [f"{size['bytes'] / 1e6:.1f}" for size in sizes])
    add("tokens, about", [f"{size['tokens']:,}" for size in sizes])
    add("tokens a word", [f"{fit['fertility']:.2f}" for fit in fits])
    add("frequent words that are one token", [f"{fit['top_words_whole']:.0%}" for fit in fits])
    add("unknown tokens", [f"{fit['unknown_rate']:.2%}" for fit in fits])
    add(
        f"tokens saved by {NEW_WORDS:,} new words", [f"{f['saved_by_new_words']:.1%}" for f in fits]
    )
    losses = found["loss"]
    if "why_none" not in losses:
        of = [losses[name] for name in names]
        add("loss (nats a token)", [f"{loss['loss_nats']:.2f}{_within(loss)}" for loss in of])
        add("bits a byte", [f"{loss['bits_per_byte']:.2f}" for loss in of])
        add("known of what frequencies leave open", [_known(loss["known"]) for loss in of])
    return rows


def _known(share: float | None) -> str:
    return "nothing is open" if share is None else f"{share:.0%}"


def _within(loss: dict[str, Any]) -> str:
    return "" if loss["loss_within"] is None else f" ± {loss['loss_within']:.2f}"


def _distances(words: dict[str, Any]) -> Rows:
    shared = words["top"]
    return [
        [f"in {words['words']:,} words each", "domain and general", "halves of the domain"],
        *(
            [
                f"divergence of {name} (bits)",
                f"{words[key]['bits']:.3f}",
                f"{words[key]['noise']:.3f}",
            ]
            for name, key in (("words", "unigrams"), ("pairs of words", "bigrams"))
        ),
        [
            f"shared of the {shared['count']:,} most frequent words",
            f"{shared['shared']:.0%}",
            f"{shared['shared_within']:.0%}",
        ],
    ]


def _overlap(name: str, record: dict[str, Any], is_cleaned: bool) -> str:
    of_splits = [
        f"{split['found']:,} of {split['texts']:,} {name_of_split} texts"
        for name_of_split, split in record["texts"].items()
    ]
    places = sum(record["places"].values())
    found = f"Of {name}, {' and '.join(of_splits)} are in the corpus ({places:,} places)"
    return (
        f"{found}: clean it before you train on it." if places and not is_cleaned else f"{found}."
    )


def _cleaned(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    of_corpus, read = found["overlap"]["corpus"], found["read"]
    copies = read.get("exact_duplicate", 0) + read.get("near_duplicate", 0)
    return [
        f"{found['corpus']} has {found['documents']:,} documents ({found['bytes'] / 1e6:.1f} MB): "
        f"{of_corpus['passages_removed']:,} passages in {of_corpus['documents_with_overlap']:,} documents "
        f"were taken out, {of_corpus['documents_removed']:,} documents went whole, and {copies:,} copies."
    ]


def _forecast(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"On this machine {found['tokens']:,} tokens take {found['minutes']:g} minutes in "
        f"{found['steps']:,} steps: {found['epochs']:g} passes over the corpus, of which one takes "
        f"{found['minutes_an_epoch']:g} minutes ({found['tokens_per_second']:,} tokens a second).",
        f"It needs {found['memory_gb']:g} GB of memory, {found['data_gb']:g} GB of disk for the packed text "
        f"and {found['run_gb']:g} GB for checkpoints and the model.",
    ]


def _markdown(rows: Rows) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "| --- |" + " --- |" * (len(rows[0]) - 1), *lines[1:]]
