"""`mlm-pretrain adapt`: a checkpoint, text of a domain and a task → a model of the domain, and the proof."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlm_pretrain.cli.output import Json, Overwrite, finish

if TYPE_CHECKING:
    from mlm_pretrain.adapting import AdaptConfig


def adapt(
    config: Annotated[
        str | None,
        typer.Option(
            help="YAML file of settings (see recipes/domain_adaptation/); the flags below go before it."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any setting as key=value, such as words=500, replay_share=0.3, tolerance=0.01, "
            "pretrain.learning_rate=1e-4, prepare.max_length=256, finetune.epochs=5. Repeatable.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The checkpoint to adapt: a folder or a Hub name.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a Hub name [main].")
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Text of the domain: files, folders, globs, as `prepare` takes them."),
    ] = None,
    general: Annotated[
        list[str] | None,
        typer.Option(
            help="Text such as the checkpoint was made of. A fifth of each batch is of it, so that what the "
            "model knew is kept; and it is watched what is forgotten."
        ),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="Text of another domain: a model trained on it as long, with as much general text, shows "
            "whether it is the domain that helps, or any further training."
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What it is for: sentiment, ner, qa … as `finetune` has it."),
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="Labelled training file, as `finetune` reads it.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Labelled validation file: it puts the models in order.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Labelled test file: its texts are removed from the corpus; kept is the first model in "
            "order whose gain it shows."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder for everything; model/ is the one to use.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Of training on the domain [30]; the other models take theirs on top."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="In place of minutes.")] = None,
    words: Annotated[
        str | None,
        typer.Option(help="Words of the domain for the vocabulary: a number, or auto [auto]."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Fine-tunings of each model for the proof [5].")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Measure, say what would be made and how long it takes, and stop. Cleaned texts and "
            "measures are written into --out, where the adaptation finds them; for the forecast some ten "
            "steps are trained, and forgotten.",
        ),
    ] = False,
    json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Adapt a checkpoint to the text of a domain, and prove whether it was worth it.

    First the domain is measured: how far its words are from the model's, what of it stands in the task's
    test file (which is removed), how long it will take, and whether to adapt at all. Then the
    checkpoint learns the domain's words and text, beside it (with a task) one the task's own texts, one
    both, and with --control one other text. All are fine-tuned over several seeds, and one page says what
    was gained, what was forgotten and what it cost.

    Stopped at any moment, the same command goes on, without --overwrite. --dry-run stops once the domain is
    measured.
    """
    flags = {
        "model": model, "revision": revision, "corpus": corpus, "general": general,
        "control": control, "task": task, "train": train, "validation": validation, "test": test,
        "out": out, "minutes": minutes, "steps": steps, "words": _number(words), "seeds": seeds,
    }  # fmt: skip
    settings = _settings(config, set_ or [], flags)

    from mlm_pretrain.adapting import adapt as run
    from mlm_pretrain.adapting import plan
    from mlm_pretrain.cli.adapt_report import adapted_lines, next_command, planned_lines
    from mlm_pretrain.training.pretrain import Interrupted

    if dry_run:
        facts = plan(settings)
        finish(facts, json, planned_lines(facts))
        return
    try:
        result = run(settings, overwrite=overwrite)
    except Interrupted as stop:
        print(f"{stop}\n{_way_on(overwrite)}", file=sys.stderr)
        raise typer.Exit(128 + stop.signal_number) from None
    except KeyboardInterrupt:
        print(f"interrupted: {_way_on(overwrite)}", file=sys.stderr)
        raise typer.Exit(130) from None
    finish(result, json, adapted_lines(result), next_command(result))


def _way_on(overwrite: bool) -> str:
    """How it goes on after a stop. --overwrite once more would begin again, and delete what is there."""
    return f"the same command{' without --overwrite' if overwrite else ''} goes on from there"


def _number(words: str | None) -> int | str | None:
    return int(words) if words is not None and words.isdecimal() else words


def _settings(config: str | None, overrides: list[str], flags: dict[str, Any]) -> AdaptConfig:
    """The file's values, under `--set`, under the flags that were given."""
    from mlm_pretrain.adapting import AdaptConfig
    from mlm_pretrain.config import build_config, overridden, read_yaml, require_given

    values = overridden(read_yaml(config) if config else {}, overrides)
    values |= {name: value for name, value in flags.items() if value not in (None, [])}
    require_given(values, ("model", "corpus", "out"))
    return build_config(AdaptConfig, values, config or "settings")
