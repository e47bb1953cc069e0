"""Settings left open, filled in by rules that fit the model, the machine and the length of the run."""

from __future__ import annotations

import os
from typing import Any

import torch

# Tokens a step on a processor, by the minutes a run has: in a short run it is the number of steps
# that counts, since a model must first find out that context matters at all. Measured at 4 layers x
# 256 after 1.2 million tokens: 4,096 a step ended 0.2 nats behind 2,048, and those behind 1,024.
_STEP_TOKENS = ((6.0, 1_024), (30.0, 2_048))
_STEP_TOKENS_BEYOND = 4_096
_STEP_TOKENS_GPU = 32_768
_STATE_BYTES = 16  # a weight in fp32, its gradient, and AdamW's two numbers
_LAYER_BYTES = 50

# Measured there from random embeddings in 3 minutes: 5.74 nats at 5e-4, 5.43 at 8e-4, 5.39 at 1e-3, and
# 6.40 at 2e-3, where the model stays at token frequencies and never gets to context. From co-occurrences
# after 1.8 million tokens: 4.25 at 1e-3, 4.18 at 2e-3, 4.21 at 3e-3; fine-tuned on 512 labels the models of
# 1e-3 and 2e-3 scored alike (75.4 and 75.7 on validation), so the informed rate lies between. Post-norm bert
# gains little by it at 2,048 tokens a step (4.35 at 1e-3, 4.31 at 1.5e-3, 4.35 at 2e-3), and loses at the
# 1,024 of a short run: 4.18 against 4.11 after 5 minutes, and half a minute ended at token frequencies.
_FRESH_RATE, _FRESH_WIDTH = 1e-3, 256
_INFORMED_SHARE = 1.5
# Layers normalised after the residual sum, which large rates break where there are many. Four of them
# reached 4.44 nats in 3 minutes at the full rate and 4.56 at half of it (informed start, 256 wide).
_POST_NORM = {"bert", "roberta", "distilbert", "electra", "xlm-roberta", "camembert", "bart"}
_POST_NORM_SHARE, _SHALLOW_LAYERS = 0.5, 6
# A checkpoint has something to lose, also one that lacks a head. all-MiniLM-L6-v2 on biomedical abstracts
# has the lower masked loss at 3e-4 (5.5 nats after 143,000 tokens, 6.0 after twice as many at 6.7e-5), but
# is worse for it: fine-tuned on 500 sentences of BC5CDR it has 72.1 F1, after half an hour at 3e-4 68.7,
# whether on its domain or on Wikipedia, and after 307,000 tokens at 6.7e-5 71.1 (one seed; two of the
# checkpoint are 1.7 apart).
_CONTINUED_SHARE = 0.1


def default_batch_size(max_length: int, minutes: float | None, gpu_tokens: int | None) -> int:
    """Rows a step: as many as make 1,024 tokens in a run of up to 6 minutes on a processor, 2,048 in
    one of up to 30, 4,096 beyond or where the minutes are not bounded; on a GPU 32,768, or the
    `gpu_tokens` that fit."""
    if gpu_tokens is not None:
        return max(1, min(_STEP_TOKENS_GPU, gpu_tokens) // max_length)
    tokens = _STEP_TOKENS_BEYOND
    if minutes is not None:
        tokens = next((size for limit, size in _STEP_TOKENS if minutes <= limit), tokens)
    return max(1, tokens // max_length)


def gpu_tokens(model: torch.nn.Module) -> int | None:
    """Tokens of a step that this process's GPU has memory for; None without a GPU.

    All of its memory counts, not what is free at the moment, so that every process and every resume
    comes to the same number.
    """
    if not torch.cuda.is_available():
        return None
    device = torch.cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", "0")))
    return tokens_that_fit(model, device.total_memory)


def tokens_that_fit(model: torch.nn.Module, memory_bytes: int) -> int:
    """Tokens whose activations fit beside weights, gradients and optimiser in `memory_bytes`.

    A layer with fused attention keeps some 34 bytes a token and unit of width for its backward pass in half
    precision (Korthikanti et al. 2022, "Reducing activation recomputation"), and half as much again for
    what autocast leaves in fp32. A fifth of the memory is left for what comes and goes.
    """
    config: Any = model.config
    state = _STATE_BYTES * sum(p.numel() for p in model.parameters())
    layers = config.num_hidden_layers * (2 if config.is_encoder_decoder else 1)
    a_token = _LAYER_BYTES * layers * config.hidden_size
    return max(0, int((0.8 * memory_bytes - state) / a_token))


def default_workers() -> int:
    """Processes that make batches: two beside a GPU, none where they would take the training's cores."""
    return 2 if torch.cuda.is_available() else 0


def default_learning_rate(model_config: Any, continued: bool, informed: bool = False) -> float:
    """Peak rate: 1e-3 up to a width of 256, then falling with the width (3.3e-4 at 768); half as much again
    from an informed start, except for post-norm models (bert, roberta, distilbert, electra), which get half
    of it where they have more than 6 layers; a tenth where a checkpoint is continued."""
    rate = _FRESH_RATE * min(1.0, _FRESH_WIDTH / model_config.hidden_size)
    if model_config.model_type in _POST_NORM:
        rate *= _POST_NORM_SHARE if model_config.num_hidden_layers > _SHALLOW_LAYERS else 1.0
    elif informed and not continued:
        rate *= _INFORMED_SHARE
    return float(f"{rate * (_CONTINUED_SHARE if continued else 1.0):.2g}")
