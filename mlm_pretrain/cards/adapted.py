"""The card of a model that was adapted to a domain: what a careful reader would ask, from records alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_pretrain.cards.adapted_facts import AdaptedFacts, TrainingFacts, WorthResult
from mlm_pretrain.cards.front_matter import front_matter
from mlm_pretrain.cards.licence import CARD
from mlm_pretrain.cards.naming import hub_name, shown_command, shown_name, shown_value
from mlm_pretrain.cards.privacy import private_sign
from mlm_pretrain.cards.rendering import UNKNOWN, count, number, rendered, tidy
from mlm_pretrain.cards.results import hub_result
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import relist, require_manifest, write_text
from mlm_pretrain.redaction import redacted

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_TAGS = ("mlm-pretrain", "domain-adaptation")
_DATASETS = "hf:"


def adapted_card(facts: AdaptedFacts) -> str:
    """The README.md of an adapted model: YAML for the Hub, then Markdown for a reader.

    What is None in `facts` is left out or said to be not recorded; nothing is filled in. Paths are shown by
    their last part, and the home folder and secrets not at all.

    Raises:
        InputError: for an example without its one mask token, or with a sign of something private.
    """
    _check_examples(facts)
    body = rendered(
        "adapted.md.jinja",
        facts=facts, shown_name=shown_name, base=shown_name(facts.base_model),
        is_on_hub=hub_name(facts.base_model) is not None, settings=_settings(facts.training),
        command=shown_command(facts.command) if facts.command else None,
        not_shown=_tasks(facts.worth, "not shown"), worse=_tasks(facts.worth, "worse"),
    )  # fmt: skip
    return redacted(f"{_front_matter(facts)}\n{tidy(body)}")


def write_adapted_card(folder: str | Path, facts: AdaptedFacts) -> Path:
    """Replace the card of the exported model in `folder`, and bring its manifest up to date.

    Raises:
        InputError: when `folder` has no manifest of ours, or as `adapted_card`.
    """
    require_manifest(folder)
    path = Path(folder) / CARD
    write_text(path, adapted_card(facts))
    relist(folder, [CARD])
    return path


def _front_matter(facts: AdaptedFacts) -> str:
    language = facts.language[0] if len(facts.language) == 1 else facts.language
    return front_matter(
        tags=list(_TAGS), model_name=shown_value(facts.name), pipeline_tag=facts.pipeline_tag,
        base_model=hub_name(facts.base_model), licence=facts.licence, language=language,
        datasets=_datasets(facts), results=[_result(row) for row in facts.worth],
        examples=facts.examples,
    )  # fmt: skip


def _datasets(facts: AdaptedFacts) -> list[str]:
    """Those sources that are data sets of the Hub, by their names there."""
    names = [text.name for text in (*facts.sources, *facts.general)]
    on_hub = [
        re.split("[:@#]", n.removeprefix(_DATASETS))[0] for n in names if n.startswith(_DATASETS)
    ]
    return list(dict.fromkeys(name for name in on_hub if hub_name(name)))


def _result(row: WorthResult) -> EvalResult:
    """Of the adapted model alone: the comparison stands in the table."""
    data = shown_name(row.task)
    name = f"{row.metric}, mean of {row.seed_count} fine-tunings"
    return hub_result(
        row.kind,
        data,
        row.split,
        row.metric,
        row.adapted_mean,
        name,
        f"{row.kind} after fine-tuning",
    )


def _settings(training: TrainingFacts) -> list[tuple[str, Any]]:
    """Rows of the table: the first are asked of every training, the rest where they are known."""
    minutes = number(training.minutes)
    if training.minutes is not None and training.hardware:
        minutes += f" on {training.hardware}"
    share = training.replay_share
    rows = [
        ("steps", count(training.steps)),
        ("tokens read", count(training.tokens)),
        ("passes over the domain's text", number(training.epochs)),
        ("minutes", minutes),
        ("peak learning rate", number(training.learning_rate)),
        ("general text among the rows", UNKNOWN if share is None else f"{100 * share:.4g} %"),
    ]
    if training.new_rows_learning_rate is not None:
        rows.append(("peak learning rate of new rows", number(training.new_rows_learning_rate)))
    return [*rows, *((name, _value(value)) for name, value in training.others.items())]


def _value(value: str | int | float | bool) -> str:
    if isinstance(value, str):
        return shown_value(value)
    return number(value) if isinstance(value, float) else str(value)


def _tasks(worth: list[WorthResult], verdict: str) -> list[str]:
    return [f"{shown_name(row.task)} ({row.metric})" for row in worth if row.verdict == verdict]


def _check_examples(facts: AdaptedFacts) -> None:
    language = facts.language[0] if facts.language else None
    for place, text in enumerate(facts.examples, 1):
        if facts.mask_token is None or text.count(facts.mask_token) != 1:
            problem = (
                f"example {place} of the card: needs {facts.mask_token or 'a mask token'} once"
            )
            raise InputError(problem, "take it from `card_examples`, or leave it out")
        # A word in its place, as there was: what stands beside a gap could look like a path or a number.
        if sign := private_sign(text.replace(facts.mask_token, "word"), language):
            raise InputError(f"example {place} of the card: holds {sign}", "leave it out")
