"""An encoder that also learned to continue text, as the decoder of its family with the same weights.

Adding a family is a function `(state, config) → (state, settings)` and a line in `_DECODERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from mlm_pretrain.errors import InputError

State: TypeAlias = dict[str, torch.Tensor]
_ENCODERS_OWN = {"architectures", "transformers_version", "model_type", "_name_or_path", "dtype"}


def _same(state: State, config: Any) -> tuple[State, dict[str, Any]]:
    """BERT and RoBERTa are told by a setting."""
    return state, {**_settings(config), "is_decoder": True}


def _modernbert(state: State, config: Any) -> tuple[State, dict[str, Any]]:
    """ModernBERT's decoder keeps its projections apart, and counts its window to the left alone."""
    renamed: State = {}
    for name, weight in state.items():
        if ".attn.Wqkv." in name:
            parts = zip(("q_proj", "k_proj", "v_proj"), weight.chunk(3), strict=True)
            renamed |= {name.replace("Wqkv", part): w.contiguous() for part, w in parts}
        else:
            renamed[name.replace("head.", "lm_head.", 1) if name.startswith("head.") else name] = (
                weight
            )
    # There a token sees those at a distance below half of `local_attention`, here up to half of it.
    return renamed, {**_settings(config), "local_attention": 2 * (config.sliding_window + 1)}


# model type of the encoder: (model type of its decoder, how the weights are called there)
_DECODERS: dict[str, tuple[str, Callable[[State, Any], tuple[State, dict[str, Any]]]]] = {
    "bert": ("bert", _same),
    "roberta": ("roberta", _same),
    "modernbert": ("modernbert-decoder", _modernbert),
}


def require_decoder(model: torch.nn.Module) -> None:
    """Refuse an encoder whose family has no decoder of the same weights.

    Raises:
        InputError: naming the families that have one.
    """
    family = model.config.model_type
    if family not in _DECODERS:
        raise InputError(
            f"--objective hybrid: a {family} model cannot continue text, for want of a decoder that takes "
            "its weights",
            f"choose --arch from {', '.join(_DECODERS)}",
        )


def as_decoder(model: Any) -> Any:
    """The decoder (a `transformers` causal model) with the weights of `model`, an encoder with its head."""
    from transformers import AutoConfig, AutoModelForCausalLM

    family, convert = _DECODERS[model.config.model_type]
    state, settings = convert(model.state_dict(), model.config)
    config = AutoConfig.for_model(family, **settings)
    with torch.random.fork_rng(devices=[]):
        decoder = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    decoder.load_state_dict(state)
    decoder.tie_weights()
    return decoder.to(next(model.parameters()).dtype).eval()


def _settings(config: Any) -> dict[str, Any]:
    return {k: v for k, v in config.to_dict().items() if k not in _ENCODERS_OWN}
