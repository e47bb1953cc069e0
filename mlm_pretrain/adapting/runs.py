"""A variant's training, as a run of its own that can be stopped and gone on with, and its export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import GENERAL, Variant, length_of, variants_of
from mlm_pretrain.claiming import RUN_FILE
from mlm_pretrain.config import build_config
from mlm_pretrain.domain.loss import objective_for
from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.progress import say
from mlm_pretrain.training.assembling import objective_of
from mlm_pretrain.training.forgetting.measure import can_be_measured
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.replay.mixing import places_of


def train_variant(
    config: AdaptConfig, variant: Variant, places: Places, base: str, has_words: bool
) -> dict[str, Any]:
    """Train and export; what is there of either is used.

    Args:
        has_words: whether tokenizer/ holds a vocabulary with words of the domain.

    Returns:
        What the run returned (steps, tokens, seconds …), with `model_folder`.

    Raises:
        InputError: when a run lies there that was made with other settings or text.
        Interrupted: after a signal, once the run's state is saved.
    """
    objective = objective_for(base, config.pretrain)
    settings = run_settings(config, variant, places, base, objective, has_words)
    out = Path(settings.out)
    say(f"{variant.name}: training in {out}{_unseen(config, variant, settings)}")
    result = pretrain(settings, resume=(out / RUN_FILE).is_file())
    model = places.exported(variant.name)
    export(out, model, overwrite=True)
    return {**result, "model_folder": str(model)}


def _unseen(config: AdaptConfig, variant: Variant, settings: PretrainConfig) -> str:
    """A word where what is forgotten of general text cannot be seen, though there is some."""
    if settings.objective != "replaced" or not (config.general and variant.is_guarded):
        return ""
    return ", to find replaced tokens: what it forgets of general text is not measured"


def require_batches(
    config: AdaptConfig, places: Places, base: str, has_words: bool, rows: Mapping[str, Any]
) -> None:
    """Refuse batches that a variant has too few rows for, while none is trained.

    Args:
        rows: what `pack_all` counted.

    Raises:
        InputError: naming the variant, and with how many it works.
    """
    for variant in variants_of(config):
        settings = run_settings(config, variant, places, base, has_words=has_words)
        shown = int(rows[variant.data]["train"]["rows"])
        if settings.replay is not None:
            shown = places_of(shown, settings.replay.share)
        if shown < settings.batch_size:
            raise InputError(
                f"{variant.name}: {shown} rows of the {variant.text} text are fewer than a batch of "
                f"{settings.batch_size}",
                f"give pretrain.batch_size={shown} or less (without it there is one for each model), more of "
                "that text, or variants without this one",
            )


def run_settings(
    config: AdaptConfig,
    variant: Variant,
    places: Places,
    base: str,
    objective: str = "mlm",
    has_words: bool = True,
) -> PretrainConfig:
    """The settings of a variant's run: what the adaptation says of it over what all runs share.

    Args:
        objective: of the checkpoint, unless the settings name one.
        has_words: whether words were added to the vocabulary.
    """
    own: dict[str, Any] = {
        "data": str(places.data(variant.data)), "out": str(places.run(variant.name)),
        "name": variant.name, "seed": config.seed, **length_of(config, variant.share),
    }  # fmt: skip
    shared = config.settings_of_runs(has_words and variant.has_new_words)
    shared.setdefault("objective", objective)
    if variant.after is None:
        own["init"] = base
    else:
        own["follows"] = str(places.run(variant.after))
    settings = build_config(PretrainConfig, {**shared, **own}, "pretrain")
    if not (variant.has_general and config.general):
        return settings
    is_guarded = variant.is_guarded and places.held_out(GENERAL) is not None
    # A model that finds replaced tokens, or tells texts apart, has no loss that would show what it forgets.
    is_guarded = is_guarded and can_be_measured(objective_of(settings))
    own |= _mixed(config, str(places.data(variant.general_data)), is_guarded)
    return build_config(PretrainConfig, {**shared, **own}, "pretrain")


def _mixed(config: AdaptConfig, general: str, is_guarded: bool) -> dict[str, Any]:
    """General text among the rows, and an eye on what is forgotten of it, where some of it is held out."""
    guard = {"data": general, "tolerance": config.tolerance, "action": config.guard_action}
    # A guard that raises the share needs one to raise, and may begin from none.
    needs_replay = config.replay_share or (is_guarded and config.guard_action == "replay")
    replay = {"replay": {"data": general, "share": config.replay_share}} if needs_replay else {}
    return {**replay, **({"guard": guard} if is_guarded else {})}
