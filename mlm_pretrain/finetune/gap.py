"""A masked language model that looks at one gap a text, and at a few words for it.

B texts, L tokens, H hidden, V vocabulary, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def answer_at_gap(model: Any, mask_id: int, words: Sequence[Sequence[int]]) -> None:
    """Make `model`'s logits those of the labels at the gap: (B, C) in place of (B, L, V).

    The states of all other tokens never reach the head, whose product with the vocabulary would be most of
    the work. Nothing of this is saved with the model.

    Args:
        mask_id: the token that is the gap, of which every row has one.
        words: the tokens that stand for each label; it gets the mean of their logits.
    """

    def keep_gap(module: Any, given: tuple[Any, ...], named: dict[str, Any], outputs: Any) -> Any:
        ids_BL = named["input_ids"] if "input_ids" in named else given[0]
        gap_B11 = (ids_BL == mask_id).int().argmax(1)[:, None, None]
        states_BLH = outputs["last_hidden_state"]
        width = states_BLH.shape[-1]
        outputs["last_hidden_state"] = states_BLH.gather(1, gap_B11.expand(-1, 1, width))
        return outputs

    def keep_words(module: Any, given: Any, outputs: Any) -> Any:
        logits_BV = outputs["logits"][:, 0]
        outputs["logits"] = torch.stack([logits_BV[:, ids].mean(1) for ids in words], dim=1)
        return outputs

    model.base_model.register_forward_hook(keep_gap, with_kwargs=True)
    model.register_forward_hook(keep_words)
