"""What each model makes of held-out text: of the domain, and of general text, where forgetting shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import BASE
from mlm_pretrain.adapting.whole_words import is_of_other_words, whole_word_losses
from mlm_pretrain.cards.adapted_facts import LossUnit
from mlm_pretrain.domain import open_model
from mlm_pretrain.domain.loss import why_no_loss
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.finetune.outputs import describe_model
from mlm_pretrain.manifest import hash_file, hash_json, write_json

TEXTS = ("domain", "general")


class Change(NamedTuple):
    """A loss before and after."""

    before: float
    after: float
    unit: LossUnit


_ROWS = 512
_KEPT = ("loss_nats", "perplexity", "bits_per_byte", "predicted_tokens")


def losses_of(models: Mapping[str, str], places: Places, max_length: int) -> dict[str, Any]:
    """Masked loss of every model on each held-out text; None where a model has no head to tell it by.

    Args:
        models: folder or Hub name by what the model is called, the checkpoint among them.
        max_length: tokens of a window.

    Returns:
        By model and text `loss_nats` a predicted token, `perplexity`, `bits_per_byte` and `predicted_tokens`.
        These are of single tokens, bits a byte too, which spread the loss over the text's bytes: they compare
        models of one vocabulary. Where a model has another than the checkpoint, there is `words`: bits a byte
        of words that are hidden whole from both, `before` and `after`; None where these cannot be told.
    """
    files = {name: path for name in TEXTS if (path := places.held_out(name)) is not None}
    found = {
        model: {name: _of_tokens(folder, path, places, max_length) for name, path in files.items()}
        for model, folder in models.items()
    }
    base = models[BASE]
    for model, folder in models.items():
        told = {name: loss for name, loss in found[model].items() if loss is not None}
        if told and is_of_other_words(folder, base):
            for name, loss in told.items():
                is_known = found[BASE][name] is not None
                how = (folder, base, files[name], places, max_length)
                loss["words"] = _of_words(*how) if is_known else None
    return found


def changes_of(
    losses: Mapping[str, Any], name: str, run: Mapping[str, Any], before: str
) -> dict[str, Change]:
    """Of each held-out text what was lost or won from the checkpoint to a model, where both can be told.

    Where words were added, what is hidden whole in both vocabularies compares (see `forgetting.words`), and
    where nothing was, nothing does. A checkpoint without a head has no loss: that of the head it was given
    says nothing before that has learnt, so that of general text the lowest one of the run is taken, as its
    guard does, and of the domain there is none.

    Args:
        run: what the model's training returned.
        before: what the checkpoint is called.
    """
    found = {}
    for text in TEXTS:
        first, last = (losses.get(model, {}).get(text) for model in (before, name))
        change = _of_both(text, run, first, last) if first else _of_the_guard(text, run)
        if change is not None:
            found[text] = change
    return found


def _of_both(text: str, run: Mapping[str, Any], first: Any, last: Any) -> Change | None:
    if last and (words := last.get("words")):
        return Change(words["before"], words["after"], "bits a byte of whole words")
    words = run.get("forgetting", {}).get("bits_per_byte", {}).get(text, {})
    if "checkpoint" in words and "after" in words:
        return Change(words["checkpoint"], words["after"], "bits a byte of whole words")
    if not last or "words" in last:
        return None
    return Change(first["bits_per_byte"], last["bits_per_byte"], "bits a byte")


def _of_the_guard(text: str, run: Mapping[str, Any]) -> Change | None:
    guarded = run.get("forgetting", {})
    end = guarded.get("general_after")
    if text != "general" or end is None:
        return None
    return Change(min(found["general"] for found in guarded["measures"]), end, "nats a token")


def _of_tokens(model: str, text: Path, places: Places, max_length: int) -> dict[str, Any] | None:
    key = [describe_model(model, None), hash_file(text), max_length, _ROWS]
    found: dict[str, Any] | None = _kept(places, key, lambda: _loss(model, text, max_length))
    return found


def _of_words(
    model: str, base: str, text: Path, places: Places, max_length: int
) -> dict[str, float] | None:
    models = [describe_model(name, None) for name in (base, model)]
    key = ["words", *models, hash_file(text), max_length, _ROWS]
    how = (model, base, text, max_length, _ROWS)
    found: dict[str, float] | None = _kept(places, key, lambda: whole_word_losses(*how))
    return found


def _kept(places: Places, key: Any, found: Callable[[], Any]) -> Any:
    """What is `found` now, or was before under the same key."""
    path = places.root / "losses" / f"{hash_json(key)[:16]}.json"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        write_json(path, {"loss": found()})
    return json.loads(path.read_text(encoding="utf-8"))["loss"]


def _loss(model: str, text: Path, max_length: int) -> dict[str, float] | None:
    _, settings = open_model(model)
    if why_no_loss(model, settings):
        return None
    found = evaluate(model, text, max_length=max_length, limit_rows=_ROWS)
    return {name: found[name] for name in _KEPT if found.get(name) is not None}
