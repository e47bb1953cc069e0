"""`mlm-pretrain pretrain`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from mlm_pretrain.cli import pretrain_report
from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, is_first_process
from mlm_pretrain.cli.pretrain_work import Beginning, find_work
from mlm_pretrain.cli.push import Private, PushTo, push_trained, require_access
from mlm_pretrain.modeling.attention import AttentionChoice


def pretrain(
    data: Annotated[
        str | None, typer.Option(help="Folder that `mlm-pretrain prepare` wrote.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder of the run: checkpoints, log, final model.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A recipe (see recipes/); flags given beside it win.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value in the recipe, such as pretrain.steps=100. Repeat."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="mlm: masked tokens; clm: next token; hybrid: both, in one encoder; replaced: which tokens "
            "a small masked model has put in; order: of sentences, beside masked tokens; nsp: whether a "
            "text goes on, beside masked tokens; contrastive: texts told apart by their vectors; tsdae: "
            "write out a text from its vector, made with most tokens left out; denoising: write out a text "
            "that was read noised, by an encoder with a decoder. Several: "
            "--set pretrain.objectives=[...]; settings of its own: "
            "--set pretrain.objective_settings.NAME=VALUE. [default: mlm]"
        ),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            help="FAMILY-SIZE (bert, roberta, modernbert, distilbert, electra; gpt2, llama; t5, bart; "
            "tiny 2x128, mini 4x256, small 4x512, medium 8x512, base 12x768, large 24x1024), "
            "FAMILY:LAYERSxHIDDEN such as modernbert:6x384, or a config.json. "
            "[default: modernbert-mini; llama-mini for clm, bart-mini for denoising]"
        ),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Continue from this checkpoint: a folder or a Hub name.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a Hub checkpoint.")] = None,
    start: Annotated[
        Literal["informed", "random"] | None,
        typer.Option(
            help="How a fresh model starts: embeddings from which tokens stand near which in the data "
            "and attention at neighbours, or all from noise. Of a checkpoint the heads that it lacks: from "
            "how frequent tokens are, or from noise. [default: informed]"
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps to train.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data. [default: 1]")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Minutes to train; the learning rate follows the clock.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Rows a process takes at a time. [default: by length and minutes]"),
    ] = None,
    accumulation: Annotated[
        int | None,
        typer.Option(
            help="Batches a step; changes memory, not the result (but of contrastive, unless it is cached). "
            "[default: 1]"
        ),
    ] = None,
    optimizer: Annotated[
        Literal["adamw", "muon"] | None, typer.Option(help="[default: adamw]")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak rate, in AdamW's units. [default: by size]")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="[default: 0.05]")] = None,
    mask_ratio: Annotated[
        float | None, typer.Option(help="Share of tokens to predict (mlm). [default: 0.3]")
    ] = None,
    mask_ratio_end: Annotated[
        float | None,
        typer.Option(help="End here, linearly from --mask-ratio over the run. [default: constant]"),
    ] = None,
    mask_unit: Annotated[
        Literal["token", "word", "span", "ngram"] | None,
        typer.Option(
            help="Mask tokens, whole words, or spans or n-grams of words. [default: token]"
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(help="Of the layers. [default: 0; with --init the checkpoint's own]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, order and masks. [default: 0]")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that make batches. [default: 0; 2 beside a GPU]"),
    ] = None,
    validate_every: Annotated[
        int | None, typer.Option(help="Steps between validation losses. [default: at the end]")
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            help="Score the model while it trains, by frozen probes of this labelled set: a folder with "
            "train.jsonl and validation.jsonl, or NAME=FOLDER. Repeat. How often, what is kept and when to "
            "stop: --set pretrain.probes.NAME=VALUE. [default: none]"
        ),
    ] = None,
    probe_blimp: Annotated[
        str | None,
        typer.Option(help="The same by minimal pairs in BLiMP's format, a file or a folder."),
    ] = None,
    checkpoint_minutes: Annotated[
        float | None, typer.Option(help="Minutes between checkpoints. [default: 10]")
    ] = None,
    on_spike: Annotated[
        Literal["stop", "skip"] | None,
        typer.Option(
            help="When the loss explodes or is no number: stop before the update, or go back to the last "
            "checkpoint and skip the batches that led there. [default: stop]"
        ),
    ] = None,
    precision: Annotated[
        Literal["auto", "bf16", "fp32"] | None,
        typer.Option(help="auto: bf16 where the hardware has it. [default: auto]"),
    ] = None,
    attention: Annotated[
        AttentionChoice | None,
        typer.Option(
            help="How packed documents are computed apart; equal but for rounding. [default: auto, on a "
            "processor the fastest here, measured]"
        ),
    ] = None,
    compile: Annotated[
        bool | None,
        typer.Option(help="Compile the layers first: minutes, which pay on GPUs. [default: no]"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest complete checkpoint in --out.")
    ] = False,
    weights_only: Annotated[
        bool,
        typer.Option(
            "--weights-only",
            help="With --resume: take the weights alone, with a fresh optimiser, where its state is lost.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    push_to: PushTo = None,
    private: Private = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Pretrain a model on prepared data, for a number of steps, epochs or minutes.

    Give --data and --out, or --config with a recipe that also trains a tokenizer and prepares the
    data. Ctrl-C finishes the step, saves, and prints how to go on.
    """
    given = {k: v for k, v in locals().items() if k in _FLAGS and v is not None}
    sections: dict[str, dict[str, Any]] = {
        "masking": {"ratio": mask_ratio, "ratio_end": mask_ratio_end, "unit": mask_unit},
        "probes": {"tasks": probe or None, "blimp": probe_blimp},
    }
    given |= {k: v for k, v in ((n, _given(s)) for n, s in sections.items()) if v}
    beginning = Beginning(overwrite, resume, weights_only)
    target = Target(push_to, private)
    _run(config, settings or [], given, beginning, target, dry_run, as_json)


def _given(section: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if value is not None}


_FLAGS = (
    "data", "out", "objective", "arch", "init", "revision", "start", "steps", "epochs",
    "minutes", "batch_size", "accumulation", "optimizer", "learning_rate", "weight_decay", "dropout", "seed",
    "workers", "validate_every", "checkpoint_minutes", "on_spike", "precision", "attention",
    "compile",
)  # fmt: skip


class Target(NamedTuple):
    """Where on the Hub the model goes, if it goes there."""

    to: str | None
    private: bool | None

    def words(self) -> list[str]:
        """As flags, to be given again when a run is resumed."""
        visibility = {None: [], True: ["--private"], False: ["--public"]}[self.private]
        return [*(["--push-to", self.to] if self.to else []), *visibility]


def _run(
    config: Path | None,
    settings: list[str],
    given: dict[str, Any],
    beginning: Beginning,
    target: Target,
    dry_run: bool,
    as_json: bool,
) -> None:
    from mlm_pretrain.training.agreement import end_processes
    from mlm_pretrain.training.pretrain import Interrupted

    beginning.check()
    work = find_work(config, settings, given, beginning.resume)
    if dry_run:
        facts = work.plan()
        finish(facts, as_json, pretrain_report.planned(facts))
        return
    require_access(*target)
    try:
        result = work.train(beginning)
    except Interrupted as stop:
        if is_first_process():
            words = ["mlm-pretrain", "pretrain", "--out", stop.out, "--resume", *target.words()]
            print(f"{stop}\nnext: {shlex.join(words)}", file=sys.stderr)
        raise typer.Exit(128 + stop.signal_number) from None
    finally:
        end_processes()
    result = push_trained(result, *target)
    finish(result, as_json, pretrain_report.trained(result), pretrain_report.following(result))
