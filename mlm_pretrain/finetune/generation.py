"""How an encoder–decoder writes: where it begins and ends, and how the search for the best text goes.

B texts, D tokens of a target.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig, default_target
from mlm_pretrain.finetune.model import positions_of

if TYPE_CHECKING:
    from torch import Tensor

# What is kept of a checkpoint's own settings: tokens that it must not write, or has to. Its search
# and its lengths belong to the data it was made for.
_KEPT = ("bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "forced_eos_token_id")


def decoder_inputs(skeleton: Any, model: str) -> Callable[[Tensor], Tensor]:
    """Labels (B, D) to what the decoder reads (B, D): one place later, as the model itself has it.

    Raises:
        InputError: when the model's config does not say what a decoder reads first.
    """
    import torch

    pad: int = skeleton.config.pad_token_id
    start: Any = getattr(skeleton.config, "decoder_start_token_id", None)
    own = getattr(skeleton, "prepare_decoder_input_ids_from_labels", None)
    shift: Callable[[Tensor], Tensor] = own or _Shift(start, pad)
    try:  # mBART's kind needs no such token: it reads the language's mark that ends each target
        shift(torch.tensor([[pad + 1, pad + 1]]))
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            f"{model}: its config.json has no decoder_start_token_id: where does it begin to write?",
            "set it to the token that the model was trained to begin with (T5: the pad token, BART: "
            "the end token)",
        ) from None
    return shift


class _Shift:
    """What most models do, for those that have no method of their own for it."""

    def __init__(self, start: int, pad: int) -> None:
        self.start, self.pad = start, pad

    def __call__(self, labels_BD: Tensor) -> Tensor:
        shifted_BD = labels_BD.roll(1, dims=1)
        shifted_BD[:, 0] = self.start
        return shifted_BD.masked_fill(shifted_BD == -100, self.pad)


def target_limits(config: FinetuneConfig, skeleton: Any) -> tuple[int, int]:
    """Tokens that a target may have, and that the model may write.

    Raises:
        InputError: when either is more than the model has positions.
    """
    own = getattr(skeleton.config, "max_decoder_position_embeddings", None)
    positions = own or positions_of(skeleton)
    target = config.max_target_length or default_target(positions)
    written = config.max_new_tokens or target
    for name, asked in (("max_target_length", target), ("max_new_tokens", written)):
        if positions and asked > positions:
            raise InputError(
                f"{name}: {asked} > {positions}, the positions of {config.model}",
                f"set {name} to {positions} or less",
            )
    return target, written


def end_token(settings: Any, tokenizer: Any, model: str) -> int:
    """The token that ends a text.

    Raises:
        InputError: when neither the model nor the tokenizer has one.
    """
    stated = getattr(settings, "eos_token_id", None)  # two models put together have none
    stated = stated[0] if isinstance(stated, list) else stated
    for found in (stated, tokenizer.eos_token_id, tokenizer.sep_token_id):
        if found is not None:
            return int(found)
    raise InputError(
        f"{model}: neither its config.json nor its tokenizer has a token that ends a text",
        "set eos_token_id in config.json, and eos_token in tokenizer_config.json",
    )


def generation_settings(
    config: FinetuneConfig, own: Any, ids: Mapping[str, int | None], max_new_tokens: int
) -> Any:
    """A `GenerationConfig` by which the saved folder writes what the run's predictions are.

    Args:
        own: the checkpoint's settings, of which only forbidden and forced tokens are kept.
        ids: the special tokens by name: see `beginnings`.
    """
    from transformers import GenerationConfig

    kept = {name: getattr(own, name, None) for name in _KEPT}
    return GenerationConfig(
        **kept, **ids, num_beams=config.num_beams, max_new_tokens=max_new_tokens,
        length_penalty=config.length_penalty, no_repeat_ngram_size=config.no_repeat_ngram_size,
        do_sample=False, early_stopping=False,
    )  # fmt: skip


def own_settings(config: FinetuneConfig, model: Any) -> Any:
    """The checkpoint's `GenerationConfig`, also where the model has none of its weights."""
    from transformers import GenerationConfig

    if config.random_weights:
        with contextlib.suppress(OSError):
            return GenerationConfig.from_pretrained(config.model, revision=config.revision)
    return model.generation_config


def beginnings(
    targets: Sequence[np.ndarray], shift: Callable[[Tensor], Tensor], special: Collection[int]
) -> dict[str, int | None]:
    """Where writing begins: as the decoder's inputs do in training, and with the special token
    that every target begins with (a language's mark, [CLS]), if there is one.

    Args:
        targets: labels of the training rows.
        shift: see `decoder_inputs`.
    """
    import torch

    start = int(shift(torch.tensor([targets[0].tolist()]))[0, 0])
    first = {int(target[0]) for target in targets}
    forced = next(iter(first)) if len(first) == 1 and first <= set(special) else None
    return {"decoder_start_token_id": start, "forced_bos_token_id": forced}


def greedy(settings: Any) -> Any:
    """The same settings with one beam: several times faster, enough to compare epochs."""
    changed = copy.deepcopy(settings)
    changed.num_beams, changed.length_penalty = 1, 1.0
    return changed


def write(model: Any, batch: Mapping[str, Tensor], settings: Any = None) -> Tensor:
    """What the model writes (B, D), after the token it begins with; padded behind the end.

    In fp32, whatever it was trained in, so that the saved folder writes the same texts.
    """
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with _as_saved(model):
        written: Tensor = model.generate(**inputs, generation_config=settings)
    return written[:, 1:]


@contextlib.contextmanager
def _as_saved(model: Any) -> Iterator[None]:
    """Without the `forward` that a trainer puts before the model's own to compute in bf16."""
    given = vars(model).pop("forward", None)
    try:
        yield
    finally:
        if given is not None:
            model.forward = given


def until_end(written_D: np.ndarray, end: int, pad: int) -> np.ndarray:
    """One row of `write` up to its end token, or without its padding where it has none."""
    ends = np.flatnonzero(written_D == end)
    if len(ends):
        return written_D[: ends[0] + 1]
    texts = np.flatnonzero(written_D != pad)
    return written_D[: texts[-1] + 1 if len(texts) else 0]
