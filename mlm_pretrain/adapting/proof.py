"""Was it worth it: all models fine-tuned alike, with what each cost and forgot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.losses import changes_of
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import BASE, chain_of
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.worth import Variant, worth
from mlm_pretrain.worth.variants import Role

_NOTES = {
    BASE: "the checkpoint as it was",
    "dapt": "trained on the domain's text",
    "tapt": "trained on the texts of the task's training file",
    "dapt+tapt": "trained on the domain's text, then on the task's",
    "control": "trained as long on text of another domain, with as much general text among it",
}
CONTROL = "control"


def prove(
    config: AdaptConfig,
    task: LabelledTask,
    trained: Mapping[str, dict[str, Any]],
    losses: Mapping[str, Any],
    places: Places,
    base: str,
) -> dict[str, Any]:
    """What `worth` finds; it lies in worth/, with a page.

    Args:
        trained: of each variant what its run returned, with `model_folder`.
        losses: of each model on held-out text, as `losses_of` has them.
        base: folder of the checkpoint.
    """
    found = [Variant(BASE, base, "base", notes=_NOTES[BASE])]
    found += [_variant(name, trained) for name in trained]
    return worth(
        found, [task], places.proof, seeds=config.seeds, settings=config.finetune,
        forgotten=_forgotten(losses, trained),
    )  # fmt: skip


def _variant(name: str, trained: Mapping[str, dict[str, Any]]) -> Variant:
    """With the cost of all that was trained for it, also before it."""
    runs = [trained[part] for part in chain_of(name)]
    cost = {key: float(sum(run[key] for run in runs)) for key in ("seconds", "tokens")}
    role: Role = "control" if name == CONTROL else "adapted"
    return Variant(name, trained[name]["model_folder"], role, cost, _NOTES[name])


def _forgotten(
    losses: Mapping[str, Any], trained: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Losses before and after, as the page takes them."""
    return {
        name: {
            f"{text} text, {change.unit}": {"before": change.before, "after": change.after}
            for text, change in changes_of(losses, name, run, BASE).items()
        }
        for name, run in trained.items()
    }
