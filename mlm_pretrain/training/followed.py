"""The run that another goes on from: finished, or as one of its checkpoints has it.

From one level run (`decay_share: 0`), a trunk, any number of branches can go on and fall to zero, each on a
text of its own: they all begin with the same state. A trunk that goes on meanwhile is branched from at a
checkpoint.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME

from mlm_pretrain.claiming import PHASES_FILE, RUN_FILE
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, hash_json, read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.checkpoints.finding import is_checkpoint, open_checkpoint
from mlm_pretrain.training.heads import HEADS_FILE
from mlm_pretrain.training.learning.lora import LORA_FILE
from mlm_pretrain.training.run_folder import MODEL_FOLDER, read_run

STEPS, EPOCHS_BEGUN = "steps", "epochs_begun"
WEIGHTS_STEP = "weights_step"  # whose weights the final model has, where it is not simply the last
_WEIGHTS = (SAFE_WEIGHTS_NAME, HEADS_FILE, LORA_FILE)


class Followed(NamedTuple):
    """A run as the run after it sees it.

    Attributes:
        run: its folder.
        config: its settings.
        counts: what it counted until then.
        weights_hash: of its weights.
        max_length: tokens in a row of its data; None where the data is gone.
        checkpoint: the one that is followed; None: its end.
    """

    run: Path
    config: dict[str, Any]
    counts: dict[str, Any]
    weights_hash: str
    max_length: int | None
    checkpoint: Path | None = None

    @property
    def place(self) -> Path:
        """As `follows` names it."""
        return self.checkpoint or self.run

    @property
    def model(self) -> Path:
        """The folder of its weights."""
        return self.checkpoint or self.run / MODEL_FOLDER

    @property
    def epochs_begun(self) -> int:
        """Epochs whose order and masks it has used, with those of the runs that it followed."""
        known = self.counts.get(EPOCHS_BEGUN)
        return int(known if known is not None else math.ceil(self.counts.get("epochs", 0)) + 1)


def read_followed(folder: str | Path) -> Followed:
    """The finished run in `folder`, or the run whose checkpoint that is.

    Raises:
        InputError: when there is none, it has not ended, or the checkpoint is not whole.
    """
    place = Path(folder)
    checkpoint = place if is_checkpoint(place) else None
    run = place.parent if checkpoint else place
    if (run / PHASES_FILE).is_file():
        raise InputError(
            f"{run}: holds several phases, of which one can be followed",
            f"name one of its folders: {', '.join(sorted(p.name for p in run.glob('*-*/')))}",
        )
    if not (run / RUN_FILE).is_file():
        raise InputError(
            f"follows: {run}: no {RUN_FILE}, so there is no run to go on from",
            "name the folder of a finished run, or the one it was moved to: --set pretrain.follows=FOLDER",
        )
    config = read_run(run)["config"]
    counts, weights = _until(checkpoint) if checkpoint else _whole(run)
    length = prepared_length(config["data"])
    return Followed(run, config, counts, hash_json(weights), length, checkpoint)


def _whole(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(what a finished run counted, hashes of its final weights)."""
    if not (run / MANIFEST).is_file():
        raise InputError(
            f"{run}: has not ended yet, so nothing can follow it",
            f"end it first: mlm-pretrain pretrain --out {run} --resume; or follow one of its checkpoints: "
            f"{run}/checkpoint-STEP",
        )
    manifest = read_manifest(run, "pretrain")
    files = manifest.files.items()
    weights = {n: f["xxh3_128"] for n, f in files if n.startswith(f"{MODEL_FOLDER}/")}
    return manifest.counts, weights


def _until(checkpoint: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(what a run had counted when `checkpoint` was written, hashes of its weights)."""
    manifest = open_checkpoint(checkpoint)
    state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    first_epoch = int(manifest.config["settings"].get("first_epoch", 0))
    counts = {
        STEPS: manifest.counts["step"],
        "tokens": manifest.counts["tokens"],
        "seconds": round(float(manifest.counts.get("elapsed_seconds", 0.0)), 2),
        EPOCHS_BEGUN: first_epoch + math.ceil(state["epoch"] or 0.0),
    }
    files = manifest.files.items()
    return counts, {n: f["xxh3_128"] for n, f in files if n in _WEIGHTS}


def prepared_length(data: str) -> int | None:
    """The length in tokens that `data` was prepared with; None where it is no longer there."""
    try:
        return int(read_manifest(data, "prepare").config["max_length"])
    except (InputError, KeyError):
        return None


def lineage(run: str | Path) -> list[Path]:
    """The runs that led to `run`, the first one first and itself last; of those that are still there.

    One that was followed at a checkpoint is named by that checkpoint.
    """
    found = [Path(run)]
    while follows := read_run(run_of(found[0]))["config"].get("follows"):
        before = Path(follows)
        whole = run_of(before)
        moved = run_of(found[0]).parent / whole.name  # phases lie side by side, and move together
        place = next((p for p in (whole, moved) if (p / RUN_FILE).is_file()), None)
        if place is None or place in map(run_of, found):
            say(f"{before}: gone, so nothing is told of the runs before {found[0]}")
            break
        found.insert(0, place / before.name if is_checkpoint(before) else place)
    return found


def run_of(place: Path) -> Path:
    """The run of a checkpoint; a run itself."""
    return place.parent if is_checkpoint(place) else place
