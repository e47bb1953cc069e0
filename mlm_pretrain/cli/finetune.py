"""`mlm-pretrain finetune`: a labelled task on an exported model."""

from __future__ import annotations

import shlex
from contextlib import suppress
from json import dumps
from typing import Annotated, Any

import typer

from mlm_pretrain.cli.output import DryRun, Json, Overwrite, finish, table
from mlm_pretrain.cli.push import Private, PushTo, push_trained, pushed_line, require_access
from mlm_pretrain.errors import InputError

_FLAG_NAMES = {"labels": "max_train_examples"}


def finetune(
    task: Annotated[
        str,
        typer.Argument(
            help="sentiment: any label of a text or a pair of texts. cloze: the same by the word that fills "
            "a gap, for few labels. multilabel: any number of labels of one. regression: a quantity of "
            "one, such as likeness. ner: any tag of a token. qa: an answer in a context (SQuAD 1.1 or "
            "2.0). summarization, translation: a text for a text, by an encoder with a decoder (t5, bart, "
            "marian …)."
        ),
    ],
    config: Annotated[
        str | None,
        typer.Option(help="YAML file of settings (see recipes/); the flags below go before it."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting as key=value, e.g. --set dropout=0. Repeatable."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model folder (from `export`) or Hub name.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a Hub name [main].")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            help="Training file: .jsonl, .json, .csv, .tsv, .conll, .conllu or .txt (CoNLL columns), also "
            ".gz and .zst, or hf:NAME[:config][@split]. Fields: text, text_pair, label | tokens, "
            "ner_tags | id, context, question, answers | text, summary | source, target, or "
            "translation: {en: …, de: …} with --set source_language=en --set target_language=de. "
            "For summarization also installed-docs[:LIBRARY,…]: docstrings of this machine and their "
            "summary lines, with a validation and a test side."
        ),
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Validation file: it chooses the epoch that is kept.")
    ] = None,
    test: Annotated[str | None, typer.Option(help="Test file, scored once, at the end.")] = None,
    out: Annotated[
        str | None, typer.Option(help="Output folder: model, scores, predictions.")
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(
            help="Train on N examples, drawn by --seed (classes in their shares, all else as it comes)."
        ),
    ] = None,
    random_weights: Annotated[
        bool | None,
        typer.Option("--random-weights", help="Same architecture, untrained: the baseline."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data [10 up to 2,048 rows, else 3].")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak rate [by hidden size: 5e-4 up to 384 … 5e-5 at 768, 2e-5 above]. Up to 1,024 "
            "rows pretrained embeddings get a tenth of it, but where a text is written; --set "
            "embedding_rate=1 gives them all."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Examples a device and micro-batch [16].")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(
            help="Tokens a row [the model's own, 512 at most]. Of a text to write: --set "
            "max_target_length=N [128]."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the subset, the new head and the order [0].")
    ] = None,
    push_to: PushTo = None,
    private: Private = None,
    dry_run: DryRun = False,
    json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Fine-tune a model on labelled examples, keep the best epoch, and score it.

    Few weights instead of all: --set adapt=lora, bitfit, frozen, prefix or prompt. Rates that fall
    towards the input: --set layer_decay=0.8. Stop early: --set patience=3. The last epoch, which alone
    is scored then, in place of the best: --set keep=last. Rare labels: --set
    class_weights=balanced. Texts longer than the model: --set long_texts=windows. A cloze: --set
    template="{text} It was {mask}." --set words="{positive: great, negative: terrible}".
    In --out, analysis.json has confusions, scores by label and by length and calibration of labels of
    texts; strict and partial matches of entities; scores of answers by question and length, and the best
    threshold for giving none.

    Texts are written greedily to compare epochs, and by beam search for the final scores and the
    saved folder: --set num_beams=4, max_new_tokens, length_penalty=1, no_repeat_ngram_size=0. What a
    checkpoint wants before each text: --set 'prefix="summarize: "' [as its config.json says, else
    nothing].
    """
    flags = {
        "model": model, "train": train, "validation": validation, "test": test, "out": out,
        "labels": labels, "random_weights": random_weights, "epochs": epochs,
        "learning_rate": learning_rate, "batch_size": batch_size, "max_length": max_length,
        "seed": seed,
    }  # fmt: skip
    settings = settings_of(config, set_ or [], flags)

    from mlm_pretrain.finetune import finetune as run
    from mlm_pretrain.finetune import plan

    if dry_run:
        facts = plan(task, settings)
        finish(facts, json, [f"{key}: {value}" for key, value in facts.items()])
        return
    from mlm_pretrain.training.agreement import end_processes

    _require_access(push_to, private, settings)
    result = run(task, settings, overwrite=overwrite)
    end_processes()
    lines = _lines(result)
    if push_to:
        result = push_trained({**result, "model_folder": result["out"]}, push_to, private)
        lines += [pushed_line(result["pushed"])] if "pushed" in result else []
    finish(result, json, lines, _next(task, settings))


def _require_access(push_to: str | None, private: bool | None, settings: Any) -> None:
    if push_to and not settings.save_model:
        raise InputError("save_model: false leaves no model to push", "leave out --push-to")
    require_access(push_to, private)


def settings_of(config: str | None, overrides: list[str], flags: dict[str, Any]) -> Any:
    """The file's values, under `--set`, under the flags that were given."""
    from mlm_pretrain.config import build_config, overridden, read_yaml, require_given
    from mlm_pretrain.finetune.config import FinetuneConfig, with_sides

    values = overridden(read_yaml(config) if config else {}, overrides)
    given = {_FLAG_NAMES.get(name, name): v for name, v in flags.items() if v is not None}
    values = with_sides({**values, **given})
    require_given(values, ("model", "train", "validation", "out"))
    return build_config(FinetuneConfig, values, config or "settings")


def _lines(result: dict[str, Any]) -> list[str]:
    found = result["metrics"].values()
    # A split without unanswerable questions has fewer scores than one with them.
    names = list(
        dict.fromkeys(n for scores in found for n, v in scores.items() if isinstance(v, float))
    )
    rows = [
        [split, *(_shown(name, scores.get(name)) for name in names)]
        for split, scores in result["metrics"].items()
    ]
    counts = [f"{name}: {count}" for name, count in result["counts"].items() if count]
    of = "the last" if len(result["history"]) == 1 else f"by {result['best_by']}"
    start = "random weights" if result["random_weights"] else result["model"]
    return [
        f"{result['task']} from {start}: {result['train_examples']} examples, "
        f"{result['steps']} steps in {result['seconds']:.0f} s, "
        f"epoch {result['best_epoch']} kept ({of})",
        *table(["split (%)", *names], rows),
        *counts,
        f"written: {result['out']}",
    ]


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if name == "loss" else f"{100 * value:.1f}"


def _next(task: str, settings: Any) -> str:
    """The baseline that says what pretraining gave, or nothing when this run was it."""
    if settings.random_weights:
        return ""
    out = settings.out.rstrip("/") + "-random"
    return f"{command_of(task, settings, out, ('embedding_rate',))} --random-weights"


def command_of(task: str, settings: Any, out: str, leave_out: tuple[str, ...] = ()) -> str:
    """A command that runs `task` with `settings`, into another folder."""
    default = type(settings).model_fields
    changed = {
        key: value
        for key, value in settings.model_dump().items()
        if key not in ("out", *leave_out) and value != default[key].default
    }
    words = [f"--{key} {shlex.quote(str(changed.pop(key)))}" for key in
             ("model", "train", "validation", "test") if key in changed]  # fmt: skip
    words += [f"--set {shlex.quote(f'{key}={_as_yaml(value)}')}" for key, value in changed.items()]
    words += [f"--out {shlex.quote(out)}"]
    return f"mlm-pretrain finetune {task} " + " ".join(words)


def _as_yaml(value: Any) -> str:
    """`value` as `--set` reads it back: `summarize: ` would be a section, and "1" a number."""
    from mlm_pretrain.config import set_value

    read: dict[str, Any] = {}
    with suppress(InputError):
        set_value(read, f"value={value}")
    is_itself = not isinstance(value, str) or read.get("value") == value
    return str(value) if is_itself else dumps(value, ensure_ascii=False)
