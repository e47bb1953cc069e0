"""`mlm-pretrain domain`: measure before adapting."""

from __future__ import annotations

import shlex
from json import dumps as to_json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlm_pretrain.cli import reading
from mlm_pretrain.cli.output import Json, finish, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlm_pretrain.compare import LabelledTask
    from mlm_pretrain.corpus import ReadOptions


def domain(
    model: Annotated[str, typer.Option(help="Folder or Hub name of the model to adapt.")],
    corpus: reading.Corpus,
    general: Annotated[
        list[str] | None,
        typer.Option(
            help="Text like that the model learned from, mostly Wikipedia. Without it nobody can say how "
            "far the corpus is from it. Repeat for several."
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="KIND:FOLDER or KIND:FILE.yaml as `compare` takes it: its validation and test texts are "
            "looked for in the corpus, which must not hold them. Repeatable."
        ),
    ] = None,
    clean: Annotated[
        Path | None,
        typer.Option(help="Folder to write the corpus into, without the texts of --task."),
    ] = None,
    drop_copies: Annotated[
        bool,
        typer.Option(
            "--drop-copies",
            help="With --clean: leave out copies and near copies too. Takes 1.3 KB of memory a document: "
            "130 GB for a hundred million lines.",
        ),
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder for domain_report.json and domain_report.md.")
    ] = Path("domain"),
    minutes: Annotated[
        float | None, typer.Option(help="Say how far an adaptation of so many minutes comes here.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Say how long so many steps take here.")] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Say how long training on so many tokens takes here.")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens of a row there. [default: 128, or the model's own if less]"),
    ] = None,
    sample_bytes: Annotated[
        int, typer.Option(help="Bytes of each text to look at closely; it is drawn from all of it.")
    ] = 4_000_000,
    loss_rows: Annotated[
        int, typer.Option(help="Windows of text to measure the model's loss on; 0 leaves it out.")
    ] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the masks.")] = 0,
    text_field: reading.TextField = "text",
    general_text_field: Annotated[
        str, typer.Option(help="Field or column of the text in --general.")
    ] = "text",
    text_unit: reading.TextUnit = "line",
    errors: reading.Errors = "strict",
    max_bad_rows: reading.MaxBadRows = 0,
    limit_documents: reading.LimitDocuments = None,
    skip_corrupt: reading.SkipCorrupt = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what was written in --clean before.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure before adapting: is this text far from what the model knows, and what would it take?

    Compares the corpus with general text: how the tokenizer suits it, how its words differ (beside what
    two halves of it differ, which is the noise), and the model's own loss on both. Advises to adapt, to
    adapt with new vocabulary, or not to, with reasons; the thresholds come from measured pairs. Finds the
    test texts of tasks in the corpus, however they are written there, and with --clean takes them out.
    """
    from mlm_pretrain.claiming import make_writable
    from mlm_pretrain.compare import parse_task
    from mlm_pretrain.config import build_config
    from mlm_pretrain.corpus import ReadOptions
    from mlm_pretrain.errors import InputError

    if drop_copies and clean is None:
        raise InputError("--drop-copies: says how to clean", "give --clean FOLDER with it")
    values = reading.reading_of(locals())
    read = build_config(ReadOptions, values, "domain")
    other = {**values, "text_field": general_text_field, "limit_documents": None}
    tasks = [parse_task(text) for text in task or []]

    from mlm_pretrain import domain as room

    settings = {
        "sample_bytes": sample_bytes, "loss_rows": loss_rows, "seed": seed, "read": read,
        "read_general": build_config(ReadOptions, other, "domain"),
    }  # fmt: skip
    config = build_config(room.MeasureConfig, settings, "domain")
    has_budget = room.check_budget(minutes=minutes, steps=steps, tokens=tokens)
    room.open_model(model)  # before anything is written
    make_writable(out)
    cleaned: dict[str, Any] = {}
    if clean is not None:
        options = read.model_copy(update={"drop_duplicates": drop_copies})
        cleaned = room.clean(
            corpus, clean, tasks=tasks, reading=options, drop_near_duplicates=drop_copies,
            overwrite=overwrite,
        )  # fmt: skip
        # What is measured is what will be trained on.
        corpus, read = [cleaned["corpus"]], ReadOptions()
        config = config.model_copy(update={"read": read})
    sought = [] if cleaned else tasks
    found = room.measure(model, corpus, general=general, tasks=sought, config=config)
    found |= _cleaning(cleaned, tasks)
    if has_budget:
        found["forecast"] = room.forecast(
            model, corpus, minutes=minutes, steps=steps, tokens=tokens, max_length=max_length,
            read=read,
        )  # fmt: skip
    written = room.write_report(out, found)
    lines = [*_lines(found), f"written: {', '.join(written)}"]
    alike = read.model_copy(update={"limit_documents": None}) == config.read_general
    command = _next(found, model, corpus, general or [], tasks, read, alike)
    finish(found, json, lines, command)


def _cleaning(cleaned: dict[str, Any], tasks: Sequence[LabelledTask]) -> dict[str, Any]:
    """What the report says of it, in place of the overlap that is no longer there."""
    if not cleaned:
        return {}
    names = " and ".join(of.name for of in tasks)
    return {"clean": cleaned, "overlap": {names: cleaned["overlap"]} if tasks else {}}


def _lines(found: dict[str, Any]) -> list[str]:
    from mlm_pretrain.domain.report import sentences, tables

    lines = [line for rows in tables(found) for line in [*table(rows[0], rows[1:]), ""]]
    lines += [f"advice: {found['advice']['verdict']}"]
    return [*lines, *(f"- {sentence}" for sentence in sentences(found))]


def _next(
    found: dict[str, Any],
    model: str,
    corpus: list[str],
    general: list[str],
    tasks: Sequence[LabelledTask],
    reading_of_corpus: ReadOptions,
    reads_alike: bool,
) -> str:
    """Adapting to it, unless the advice is against it; what that would do is said first.

    Args:
        reads_alike: whether `general` is read as the corpus is; `adapt` reads all text alike.
    """
    if found["advice"]["verdict"] == "don't":
        return ""
    words = ["--model", model, *_repeated("--corpus", corpus)]
    words += _repeated("--general", general if reads_alike else [])
    if tasks:
        words += ["--task", tasks[0].kind]
        for split in ("train", "validation", "test"):
            words += _repeated(f"--{split}", [str(tasks[0].settings.get(split) or "")])
    unlike = reading_of_corpus.model_dump(
        mode="json", exclude_defaults=True, exclude={"limit_documents"}
    )
    settings = [f"read.{name}={to_json(v, ensure_ascii=False)}" for name, v in unlike.items()]
    words += _repeated("--set", settings)
    return shlex.join(["mlm-pretrain", "adapt", *words, "--out", "adapted", "--dry-run"])


def _repeated(flag: str, values: Sequence[str]) -> list[str]:
    return [part for value in values if value for part in (flag, value)]
