"""A trainer for each objective: `TokenTrainer` with what it predicts."""

from __future__ import annotations

from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.training.trainer import TokenTrainer


class MaskedLMTrainer(TokenTrainer):
    """Masked-token pretraining; `objective_config` is a `MaskedConfig`."""

    objective = OBJECTIVES["mlm"]


class CausalLMTrainer(TokenTrainer):
    """Next-token pretraining."""

    objective = OBJECTIVES["clm"]


class HybridLMTrainer(TokenTrainer):
    """Masked and next-token pretraining of one encoder; `objective_config` is a `HybridConfig`."""

    objective = OBJECTIVES["hybrid"]


_NAMED = (MaskedLMTrainer, CausalLMTrainer, HybridLMTrainer)
TRAINERS: dict[str, type[TokenTrainer]] = {
    **{name: type(f"{name.title()}Trainer", (TokenTrainer,), {"objective": objective})
       for name, objective in OBJECTIVES.items()},
    **{trainer.objective.name: trainer for trainer in _NAMED},
}  # fmt: skip


def trainer_for(objective: Objective) -> type[TokenTrainer]:
    """The trainer of any objective, also of one that is made of several (`objectives.together`)."""
    known = TRAINERS.get(objective.name)
    if known is not None and known.objective is objective:
        return known
    return type("TogetherTrainer", (TokenTrainer,), {"objective": objective})
