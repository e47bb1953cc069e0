"""Which objective a model's head serves: by the class that its config names, or else by its weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.build import read_checkpoint
from mlm_pretrain.quiet import quiet_transformers

_CLASSES = {"mlm": "AutoModelForMaskedLM", "clm": "AutoModelForCausalLM"}
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_EITHER_WAY = "WithLMHeadModel"  # of XLM and Flaubert, masked and next-token models alike
_SEVERAL_HEADS = "ForPreTraining"  # a masked-LM head among them, in most families


def objective_of_head(model: str | Path, config: Any) -> str:
    """The name of the objective that a model's head serves.

    Its config says so by the name of its class. Where that does not tell (BertForPreTraining, BertModel, or
    none at all, as many checkpoints have it), its weights are looked through for those of the head.

    Raises:
        InputError: for a model that has no head whose loss could be measured, or whose weights are needed
            and cannot be read.
    """
    name = (getattr(config, "architectures", None) or [""])[0]
    if "MaskedLM" in name:
        return "mlm"
    if name.endswith(_CAUSAL) and not name.endswith(_EITHER_WAY):
        return "clm"
    _refuse_others(model, config, name)
    objective = _possible(config, name)
    if objective is None or not _has_head(model, _CLASSES[objective]):
        raise InputError(
            f"a {name or config.model_type} has no language-modelling head to evaluate",
            "give a model that `mlm-pretrain export` wrote, not a fine-tuned one",
        )
    return objective


def _refuse_others(model: str | Path, config: Any, name: str) -> None:
    """What predicts no tokens, or not so that it could be measured here."""
    if name == "ElectraForPreTraining" or "replaced" in (config.label2id or {}):
        raise InputError(
            f"--model {model}: finds replaced tokens, and predicts none itself",
            f"give the masked model that was trained beside it: {Path(model) / 'generator'}",
        )
    if getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"--model {model}: is an encoder with a decoder, which this does not evaluate",
            "its loss on held-out text stands in its run's metrics.json; fine-tune it with transformers",
        )


def _possible(config: Any, name: str) -> str | None:
    """What its head would serve, if it has one; None where its class says that it has another or none."""
    import transformers

    def has_class(objective: str) -> bool:
        return type(config) in getattr(transformers, _CLASSES[objective])._model_mapping

    if "For" in name and not name.endswith(_SEVERAL_HEADS):
        return None
    if getattr(config, "is_decoder", False) or getattr(config, "causal", False):
        return "clm" if has_class("clm") else None
    if has_class("mlm"):
        return "mlm"
    # Most decoders' head is their table of tokens, so that weights cannot tell one whose class is a body.
    return "clm" if not name and has_class("clm") else None


def _has_head(model: str | Path, auto_class: str) -> bool:
    """Whether the weights of the head lie in the checkpoint; opened once, as long as its files stay."""
    folder = Path(model)
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    state = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _opened_with_head(str(model), auto_class, state)


@lru_cache(maxsize=64)
@quiet_transformers()
def _opened_with_head(model: str, auto_class: str, _state: tuple[Any, ...]) -> bool:
    network, missing = read_checkpoint(model, auto_class, f"--model {model}")
    body = f"{network.base_model_prefix}."
    return all(name.startswith(body) for name in missing)
