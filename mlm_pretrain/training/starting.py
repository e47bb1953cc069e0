"""What a run begins with, before its first step."""

from __future__ import annotations

from mlm_pretrain.environment import process_rank
from mlm_pretrain.training.assembling import Materials
from mlm_pretrain.training.continued_start import continued_start
from mlm_pretrain.training.informed_start import informed_start


def inform(materials: Materials) -> None:
    """Set what is fresh of the model, where asked for; the time it takes is part of the budget."""
    # The other processes receive the first one's weights.
    seconds = informed(materials) if process_rank() == 0 else 0.0
    materials.budget.spend_on_setup(seconds)


def informed(materials: Materials) -> float:
    """The same in this process alone; the seconds it took."""
    config, objective = materials.config, materials.objective
    if config.follows is not None or config.start == "random":
        return 0.0
    model, rows, tokenizer = materials.model, materials.train, materials.tokenizer
    if config.init is None:
        return informed_start(model, rows, tokenizer, objective.is_causal, config.seed)
    # Where text is continued, the end of a document is predicted too.
    unpredicted = [] if "clm" in objective.served else tokenizer.all_special_ids
    return continued_start(model, rows, unpredicted)
