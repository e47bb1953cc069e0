"""A language model of your own text.

Every verb of the command line is also a function here. Names are loaded when first used, so that
importing the package costs nothing and `mlm-pretrain --help` does not wait for torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlm_pretrain.adapting import AdaptConfig, adapt
    from mlm_pretrain.errors import InputError
    from mlm_pretrain.evaluation.fill import fill
    from mlm_pretrain.evaluation.perplexity import evaluate
    from mlm_pretrain.export import export
    from mlm_pretrain.finetune import FinetuneConfig, finetune, robustness, search
    from mlm_pretrain.hub import push, push_to_hub
    from mlm_pretrain.objectives.hybrid import HybridConfig
    from mlm_pretrain.objectives.masked import MaskedConfig
    from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
    from mlm_pretrain.training.phases import Phase, pretrain_phases
    from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
    from mlm_pretrain.training.probing import ProbesConfig
    from mlm_pretrain.training.trainers import CausalLMTrainer, HybridLMTrainer, MaskedLMTrainer
    from mlm_pretrain.worth import worth

_HOMES = {
    "AdaptConfig": "adapting",
    "adapt": "adapting",
    "InputError": "errors",
    "fill": "evaluation.fill",
    "evaluate": "evaluation.perplexity",
    "export": "export",
    "push": "hub",
    "push_to_hub": "hub",
    "FinetuneConfig": "finetune",
    "finetune": "finetune",
    "search": "finetune",
    "robustness": "finetune",
    "worth": "worth",
    "HybridConfig": "objectives.hybrid",
    "MaskedConfig": "objectives.masked",
    "PackedDataset": "packing",
    "PrepareConfig": "packing",
    "prepare": "packing",
    "PretrainConfig": "training.pretrain",
    "pretrain": "training.pretrain",
    "ProbesConfig": "training.probing",
    "Phase": "training.phases",
    "pretrain_phases": "training.phases",
    "CausalLMTrainer": "training.trainers",
    "HybridLMTrainer": "training.trainers",
    "MaskedLMTrainer": "training.trainers",
}

__all__ = [  # noqa: RUF022 -- in the order of the work
    "prepare", "PrepareConfig", "PackedDataset",
    "pretrain", "PretrainConfig", "pretrain_phases", "Phase", "ProbesConfig", "MaskedConfig",
    "MaskedLMTrainer", "CausalLMTrainer", "HybridLMTrainer", "HybridConfig",
    "export", "push", "push_to_hub", "finetune", "FinetuneConfig", "search", "robustness", "worth",
    "evaluate", "fill", "adapt", "AdaptConfig",
    "InputError",
]  # fmt: skip


class _Package(ModuleType):
    """Keeps `mlm_pretrain.export` and `mlm_pretrain.finetune` the functions that bear these names.

    Importing a submodule puts it into its package as an attribute, which would hide the function;
    the modules stay reachable as `from mlm_pretrain.finetune import …`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'mlm_pretrain' has no attribute '{name}'")
        return getattr(import_module(f"mlm_pretrain.{_HOMES[name]}"), name)

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *_HOMES])


sys.modules[__name__].__class__ = _Package
