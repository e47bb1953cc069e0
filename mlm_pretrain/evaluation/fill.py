"""What a masked model puts in the place of each mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import fastest_device, load_for_evaluation


def fill(model: str | Path, text: str, top: int = 5) -> dict[str, Any]:
    """The `top` guesses for each mask in `text`.

    "[MASK]" and "<mask>" both stand for the model's own mask token.

    Raises:
        InputError: when the text has no mask, or the model cannot fill one.
    """
    network, tokenizer, objective = load_for_evaluation(model)
    if objective.name != "mlm":
        raise InputError(f"--model {model}: predicts the next token; filling needs a masked model")
    masks = fill_masks(network.to(fastest_device()), tokenizer, text, top)
    return {"text": text, "masks": masks}


def fill_masks(
    network: torch.nn.Module, tokenizer: Any, text: str, top: int
) -> list[list[dict[str, Any]]]:
    """For each mask, left to right: `top` dicts of `token` and `probability`."""
    if tokenizer.mask_token is None:
        raise InputError("the model's tokenizer has no mask token", "choose a masked model")
    own_text = text.replace("[MASK]", tokenizer.mask_token).replace("<mask>", tokenizer.mask_token)
    inputs = tokenizer(own_text, return_tensors="pt", verbose=False)
    device = next(network.parameters()).device
    _check_fits(inputs["input_ids"].shape[1], tokenizer, network.config)
    masks = torch.nonzero(inputs["input_ids"][0] == tokenizer.mask_token_id).flatten()
    if len(masks) == 0:
        raise InputError(
            f"no {tokenizer.mask_token} in the text",
            'for example "The capital of France is [MASK]."',
        )
    with torch.no_grad():
        logits_LV = network(**inputs.to(device)).logits[0].float().cpu()
    return [_guesses(logits_LV[i].softmax(-1), tokenizer, top) for i in masks.tolist()]


def _check_fits(length: int, tokenizer: Any, config: Any) -> None:
    positions = getattr(config, "max_position_embeddings", None) or length
    limit = min(tokenizer.model_max_length, positions)
    if length > limit:
        raise InputError(
            f"the text has {length} tokens, the model takes {limit}: {length} > {limit}",
            "give a shorter text",
        )


def _guesses(probabilities_V: torch.Tensor, tokenizer: Any, top: int) -> list[dict[str, Any]]:
    best = probabilities_V[: len(tokenizer)].topk(min(top, len(tokenizer)))
    return [
        {"token": tokenizer.decode([index]).strip(), "probability": round(probability, 4)}
        for probability, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
