"""Which of the models is the one to use, ready in model/."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import BASE
from mlm_pretrain.claiming import written_whole

_PLAIN_CHOICE = "dapt"


def chosen(worth: dict[str, Any] | None) -> dict[str, Any]:
    """Which variant, and whether it is shown to be better than the base.

    Where nothing is shown the base is what should be used; the adapted model that validation puts first is
    kept beside it all the same, since it was asked for.

    Returns:
        `kept`, a variant's name, and `is_shown_better`, None where nothing was proved.
    """
    if worth is None:
        return {"kept": _PLAIN_CHOICE, "is_shown_better": None}
    found = worth["keep"]
    if found["variant"] != BASE:
        return {"kept": found["variant"], "is_shown_better": True}
    first = next(name for name in found["order"] if name != BASE)
    return {"kept": first, "is_shown_better": False}


def put_in_place(variant: str, places: Places) -> Path:
    """Copy the exported model of `variant` to model/, in place of what was kept there before."""
    source = places.exported(variant)
    with written_whole(places.model, overwrite=True) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    return places.model
