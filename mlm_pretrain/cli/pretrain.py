"""`mlm-pretrain pretrain`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from mlm_pretrain.cli.output import (
    DryRun,
    Json,
    Overwrite,
    finetuning,
    finish,
    is_first_process,
    table,
)
from mlm_pretrain.cli.push import Private, PushTo, push_trained, pushed_line, require_access
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
            "a small masked model has put in; order: of sentences, beside masked tokens; contrastive: texts "
            "told apart by their vectors; denoising: write out a text that was read noised, by an encoder "
            "with a decoder. Several: --set pretrain.objectives=[...]; settings of its own: "
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
            "and attention at neighbours, or all from noise. [default: informed]"
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
            help="How packed documents are computed apart; equal but for rounding. [default: auto, the "
            "fastest here, measured]"
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
    private: Private = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Pretrain a model on prepared data, for a number of steps, epochs or minutes.

    Give --data and --out, or --config with a recipe that also trains a tokenizer and prepares the
    data. Ctrl-C finishes the step, saves, and prints how to go on.
    """
    given = {k: v for k, v in locals().items() if k in _FLAGS and v is not None}
    masking = {"ratio": mask_ratio, "ratio_end": mask_ratio_end, "unit": mask_unit}
    given_masking = {k: v for k, v in masking.items() if v is not None}
    beginning = Beginning(resume, weights_only, overwrite)
    target = Target(push_to, private)
    _run(config, settings or [], given, given_masking, beginning, target, dry_run, as_json)


_FLAGS = (
    "data", "out", "objective", "arch", "init", "revision", "start", "steps", "epochs",
    "minutes", "batch_size", "accumulation", "optimizer", "learning_rate", "weight_decay", "dropout", "seed",
    "workers", "validate_every", "checkpoint_minutes", "on_spike", "precision", "attention",
    "compile",
)  # fmt: skip
_LENGTHS = ("steps", "epochs", "minutes")


class Target(NamedTuple):
    """Where on the Hub the model goes, if it goes there."""

    to: str | None
    private: bool

    def words(self) -> list[str]:
        """As flags, to be given again when a run is resumed."""
        return [*(["--push-to", self.to] if self.to else []), *["--private"] * self.private]


class Beginning(NamedTuple):
    """Anew, over an old run, or from where one was stopped."""

    resume: bool
    weights_only: bool
    overwrite: bool

    def check(self) -> None:
        """Refuse flags that contradict each other."""
        from mlm_pretrain.errors import InputError

        if self.weights_only and not self.resume:
            raise InputError("--weights-only: says how to resume", "give it together with --resume")
        if self.resume and self.overwrite:
            raise InputError("--resume and --overwrite contradict each other", "give one of them")


def _run(
    config: Path | None,
    settings: list[str],
    given: dict[str, Any],
    masking: dict[str, Any],
    beginning: Beginning,
    target: Target,
    dry_run: bool,
    as_json: bool,
) -> None:
    from mlm_pretrain.cli import recipe as recipes
    from mlm_pretrain.training import planning
    from mlm_pretrain.training import pretrain as training
    from mlm_pretrain.training.agreement import end_processes

    beginning.check()
    is_old_run = beginning.resume and config is None and "out" in given
    before = _settings_of_run(given["out"]) if is_old_run else {}
    recipe = _read(config, settings, given, masking, before)
    resolved = recipes.resolved_pretrain(recipe) if config else recipe.pretrain
    _require_folders(resolved)
    if dry_run:
        if config is not None:  # the plan counts rows, so they must be there
            recipes.prepare_materials(recipe)
        facts = planning.plan(resolved)
        finish(facts, as_json, table(["plan", "value"], [[k, _text(v)] for k, v in facts.items()]))
        return
    require_access(*target)
    try:
        if config is not None:
            result = recipes.run_recipe(recipe, **beginning._asdict())
        else:
            result = training.pretrain(resolved, **beginning._asdict())
    except training.Interrupted as stop:
        if is_first_process():
            words = ["mlm-pretrain", "pretrain", "--out", stop.out, "--resume", *target.words()]
            print(f"{stop}\nnext: {shlex.join(words)}", file=sys.stderr)
        raise typer.Exit(128 + stop.signal_number) from None
    finally:
        end_processes()
    result = push_trained(result, *target)
    finish(result, as_json, _lines(result), _next(result))


def _read(
    config: Path | None,
    settings: list[str],
    given: dict[str, Any],
    masking: dict[str, Any],
    before: dict[str, Any],
) -> Any:
    """A recipe from file, --set and flags; without a file, from the settings `before` a resume."""
    from mlm_pretrain.cli.recipe import Recipe
    from mlm_pretrain.config import build_config, read_yaml, set_value

    flags = {"folder": given.get("out", "run"), "pretrain": before}
    values = read_yaml(config) if config is not None else flags
    for item in settings:
        set_value(values, item)
    section = values.get("pretrain") or {}
    if isinstance(section, dict):
        if any(name in given for name in _LENGTHS):
            section = {k: v for k, v in section.items() if k not in _LENGTHS}
        section = {**section, **given}
        if masking:
            section["masking"] = {**(section.get("masking") or {}), **masking}
    return build_config(Recipe, {**values, "pretrain": section}, str(config or "flags"))


def _settings_of_run(out: str) -> dict[str, Any]:
    from mlm_pretrain.training.run_folder import read_run

    return {k: v for k, v in read_run(out)["config"].items() if v is not None}


def _require_folders(config: Any) -> None:
    from mlm_pretrain.errors import InputError

    missing = [f"--{name}" for name in ("data", "out") if not getattr(config, name)]
    if missing:
        raise InputError(
            f"missing {' and '.join(missing)}",
            "give --data and --out, or --config with a recipe (see recipes/)",
        )


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"trained {result['model']} ({result['parameters']:,} parameters): {result['steps']:,} steps, "
        f"{result['tokens']:,} tokens in {result['seconds']:,.0f} s "
        f"({result['tokens_per_second']:,} tokens/s, {result['precision']})"
    ]
    if "validation" in result:
        score = result["validation"]
        others = {f" as {name}": part for name, part in score.items() if isinstance(part, dict)}
        lines += [
            f"validation loss{way} {part['loss_nats']:.4f}, perplexity {part['perplexity']:.2f}"
            for way, part in {"": score, **others}.items()
        ]
    lines.append(f"wrote {result.get('model_folder', result['out'])}")
    return [*lines, *([pushed_line(result["pushed"])] if "pushed" in result else [])]


def _next(result: dict[str, Any]) -> str:
    if "model_folder" in result:
        return finetuning(result["model_folder"])
    return f"mlm-pretrain export {result['out']} --out DIR"
