"""What `mlm-pretrain adapt` says at its end, and what `--dry-run` says before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlm_pretrain.cli.output import table
from mlm_pretrain.cli.reading import what_happened


def planned_lines(facts: dict[str, Any]) -> list[str]:
    """The measures, the advice, and what would be made."""
    from mlm_pretrain.domain.report import sentences, tables

    measures = facts["measures"]
    lines = [f"{facts['model']} and its domain: {measures['advice']['verdict']}"]
    lines += [f"- {line}" for line in _read(facts["texts"])]
    lines += [f"- {sentence}" for sentence in sentences(measures)]
    for header, *rows in tables(measures):
        lines += ["", *table(header, rows)]
    models = ", ".join(variant["name"] for variant in facts["variants"])
    words = f"{facts['words']:,} words of the domain" if facts["words"] else "its own vocabulary"
    lines += ["", f"would make: {models} ({words})"]
    if facts["fine_tunings"]:
        lines += [
            f"and prove them by {facts['fine_tunings']} fine-tunings ({facts['seeds']} seeds)"
        ]
    return lines


def adapted_lines(result: dict[str, Any]) -> list[str]:
    """What was learnt, forgotten, gained, and where it lies."""
    lines = _read(result["texts"])
    lines += [f"advice was: {result['measures']['advice']['verdict']}", *_vocabulary(result)]
    lines += ["", *table(["model", "steps", "minutes", *_loss_names(result)], _rows(result))]
    lines += _of_whole_words(result["losses"])
    if (worth := result["worth"]) is not None:
        lines += ["", *worth["sentences"], worth["keep"]["sentence"], *worth["cautions"]]
        lines += [f"the page: {result['out']}/worth/worth.html"]
    if result["is_shown_better"] is False:
        lines += [f"{result['kept']} is kept all the same, since it was asked for"]
    return [*lines, f"written: {result['model_folder']} ({result['kept']})"]


def next_command(result: dict[str, Any]) -> str:
    """The model is there to be pushed."""
    return f"mlm-pretrain push {result['model_folder']} --repo USER/NAME"


def _read(texts: dict[str, Any]) -> list[str]:
    """What of each text was skipped, cut and replaced, and what was left out to measure by."""
    lines = []
    for name, counts in texts.items():
        lines += [f"{name} text, {line}" for line in what_happened(counts.get("read", {}))]
        if held := counts.get("held_out"):
            lines += [f"{name} text: {held:,} documents left out, by which the models are measured"]
    return lines


def _vocabulary(result: dict[str, Any]) -> list[str]:
    found = result["vocabulary"]
    if found is None:
        return ["vocabulary: as it was"]
    text = found.get("validation") or found["corpus"]
    return [
        f"vocabulary: {found['words']:,} words more, {text['saved_share']:.1%} fewer tokens of the "
        "domain's text"
    ]


def _loss_names(result: dict[str, Any]) -> list[str]:
    texts = dict.fromkeys(text for of in result["losses"].values() for text in of)
    return [f"{text}, bits a byte" for text in texts]


def _rows(result: dict[str, Any]) -> Sequence[Sequence[str]]:
    return [
        [name, *_length(result["variants"].get(name)), *(_loss(loss) for loss in of.values())]
        for name, of in result["losses"].items()
    ]


def _of_whole_words(losses: dict[str, Any]) -> list[str]:
    """Where a model has words more, what compares it with the checkpoint."""
    told = {
        f"{model}, {text} text": loss for model, of in losses.items() for text, loss in of.items()
    }
    grown = {name: loss["words"] for name, loss in told.items() if loss and "words" in loss}
    if not grown:
        return []
    lines = [
        "bits a byte of models with more words are of other tokens; of words hidden whole from both:"
    ]
    for name, words in grown.items():
        shown = f"{words['before']:.4f} → {words['after']:.4f}" if words else "not told"
        lines += [f"  {name}: {shown}"]
    return lines


def _length(run: dict[str, Any] | None) -> list[str]:
    return ["", ""] if run is None else [f"{run['steps']:,}", f"{run['seconds'] / 60:.1f}"]


def _loss(loss: dict[str, Any] | None) -> str:
    return "no head" if loss is None else f"{loss['bits_per_byte']:.4f}"
