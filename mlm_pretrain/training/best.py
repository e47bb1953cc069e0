"""The weights that a run ends with where it keeps its best ones: everything after it goes on from these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say
from mlm_pretrain.training.checkpoints.finding import checkpoint_name, open_checkpoint


def take_best(trainer: Any, out: Path, best_step: int) -> int:
    """Load the weights of the checkpoint of `best_step` in `out`, if it is whole.

    Args:
        trainer: a `TokenTrainer` whose training has ended.
        best_step: 0 where none is known.

    Returns:
        The step whose weights the model then has.
    """
    last, checkpoint = int(trainer.state.global_step), out / checkpoint_name(best_step)
    if best_step in (0, last):
        return last
    try:
        open_checkpoint(checkpoint)
    except InputError as error:
        say(f"{error.problem}: the final model is that of the last step, not of the best one")
        return last
    trainer._load_from_checkpoint(str(checkpoint))
    return best_step
