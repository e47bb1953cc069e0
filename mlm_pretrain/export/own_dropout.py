"""The dropout of a checkpoint, given back to the model that was trained from it with another.

It is a setting of the training, as the rate is; what `config.json` says is what a fine-tuning takes. One that
was trained without, as single passes over much text are (Cramming, Geiping and Goldstein 2022, section 4.3),
would otherwise be fine-tuned without by everyone who opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.sizes import dropout_settings
from mlm_pretrain.progress import say

_KEPT = "the exported model has the dropout that it was trained with"


def own_dropout(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """By the names of the checkpoint's config; none where it was trained with its own, or there was none.

    A family whose names are not known here was not trained with another: that is refused.

    Args:
        runs: the settings of the runs that led to the model, from the first to the last. Where the first or
            the checkpoint cannot be read any more, the model keeps what the last of them had.
    """
    init = runs[0]["init"]
    if all(run["dropout"] is None for run in runs):
        return {}
    if init is None:
        if runs[0].get("follows"):
            say(f"{runs[0]['follows']}: gone, so that {_KEPT}")
        return {}
    from transformers import AutoConfig

    try:
        revision = runs[0].get("revision") or "main"
        config = AutoConfig.from_pretrained(init, revision=revision, trust_remote_code=False)
    except (OSError, ValueError):
        say(f"{init}: cannot be read, so that {_KEPT}")
        return {}
    try:
        names = dropout_settings(config.model_type, 0.0)
    except InputError:
        return {}
    return {name: getattr(config, name) for name in names}
