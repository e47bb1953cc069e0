"""What a model puts in place of a mask."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.fill import fill, fill_masks
from mlm_pretrain.evaluation.perplexity import load_for_evaluation


@pytest.mark.parametrize("own_mark", ["[MASK]", "<mask>"])
@pytest.mark.parametrize("mark", ["[MASK]", "<mask>"])
def test_guesses_are_the_likeliest_tokens(
    masked_model: Path, roberta_model: Path, own_mark: str, mark: str
) -> None:
    folder = masked_model if own_mark == "[MASK]" else roberta_model
    result = fill(folder, f"The {mark} is a {mark} of the class.", top=3)
    network, tokenizer, _ = load_for_evaluation(folder)
    text = f"The {own_mark} is a {own_mark} of the class."
    inputs = tokenizer(text, return_tensors="pt")
    places = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten().tolist()
    with torch.no_grad():
        logits_LV = network(inputs["input_ids"]).logits[0]
    assert len(result["masks"]) == len(places) == 2
    for guesses, place in zip(result["masks"], places, strict=True):
        chances, ids = logits_LV[place].softmax(-1).sort(descending=True)
        assert [g["token"] for g in guesses] == [
            tokenizer.decode([i]).strip() for i in ids[:3].tolist()
        ]
        assert [g["probability"] for g in guesses] == pytest.approx(chances[:3].tolist(), abs=1e-4)
    assert result["masks"][0] != result["masks"][1]


def test_text_without_a_mask_is_refused(masked_model: Path) -> None:
    with pytest.raises(InputError, match=r"no \[MASK\] in the text\n.*The capital of France"):
        fill(masked_model, "nothing to fill")


def test_a_mask_beyond_the_models_length_is_not_lost(masked_model: Path) -> None:
    with pytest.raises(InputError, match="the text has 103 tokens, the model takes 64: 103 > 64"):
        fill(masked_model, "the " * 100 + "[MASK]")


def test_a_decoder_is_refused(causal_model: Path) -> None:
    with pytest.raises(InputError, match=f"--model {causal_model}: predicts the next token"):
        fill(causal_model, "the [MASK]")


def test_a_tokenizer_without_a_mask_token_is_refused(masked_model: Path) -> None:
    network, tokenizer, _ = load_for_evaluation(masked_model)
    tokenizer.mask_token = None
    with pytest.raises(InputError, match="no mask token"):
        fill_masks(network, tokenizer, "the [MASK]", top=1)
