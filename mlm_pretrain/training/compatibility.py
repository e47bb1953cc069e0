"""What a `TokenTrainer` cannot do is refused before the first step."""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.modeling.attention.choosing import (
    has_own_attention,
    is_decided,
    leave_unpacked,
    method_of,
)
from mlm_pretrain.modeling.compilation import uncompiled
from mlm_pretrain.modeling.dropout import draw_quickly
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.modeling.sparse_head import HeadPlan, plan_head
from mlm_pretrain.objectives.objective import count_predicted
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.batches import LabelPadding, computes_layers_again, has_segments
from mlm_pretrain.training.heads import NAME as HEADS
from mlm_pretrain.training.heads import generator_of

_PUSH = (
    "export the run and push that: mlm-pretrain push FOLDER --to USER/NAME, or mlm_pretrain.push"
)


def refuse_push(name: str) -> InputError:
    """The stock Trainer's pushes take whole folders along, the optimiser's state and a token among it."""
    return InputError(f"{name}: does not push by itself", _PUSH)


def require_own_batches(trainer: Any, tokenizer: Any) -> None:
    """Labels alone say all there is to predict for masked and next tokens, and for no other objective.

    Raises:
        InputError: where the batches come from elsewhere, or there is no tokenizer to make them with.
    """
    objective, name = trainer.objective, type(trainer).__name__
    if objective.count is count_predicted:
        return
    if not trainer.makes_batches:
        raise InputError(
            f"{name}: {objective.name} makes its own batches, from examples without labels",
            "leave out data_collator and the labels",
        )
    if tokenizer is None:
        raise InputError(
            f"{name}: {objective.name} needs a tokenizer", "pass processing_class=tokenizer"
        )


def refuse_unsupported(trainer: Any) -> None:
    """Settings of `transformers.Trainer` that would change the loss, or that checkpoints here cannot hold.

    Raises:
        InputError: naming the setting.
    """
    name = type(trainer).__name__
    given = {
        "compute_loss_func": trainer.compute_loss_func is not None,
        "label_smoothing_factor": trainer.label_smoother is not None,
    }
    if names := [setting for setting, is_given in given.items() if is_given]:
        raise InputError(
            f"{name}: has a loss of its own, so {names[0]} would do nothing",
            f"leave {names[0]} out, or use transformers.Trainer",
        )
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise InputError(
            f"{name}: cannot resume a model that FSDP or DeepSpeed has split up",
            "start it with torchrun alone, one whole model a GPU",
        )
    _refuse_untrained_heads(trainer)
    _refuse_other_tokenizer(trainer)


def _refuse_untrained_heads(trainer: Any) -> None:
    """An optimiser that was made before the objective's heads were there would never train them."""
    heads = getattr(trainer.model, HEADS, None)
    if heads is None or trainer.optimizer is None:
        return
    known = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    trained = [
        name for name, p in heads.named_parameters() if p.requires_grad and id(p) not in known
    ]
    if trained:
        raise InputError(
            f"{type(trainer).__name__}: the optimiser does not know {len(trained)} weights that "
            f"{trainer.objective.name} trains beside the model, for example {trained[0]}",
            "make it after mlm_pretrain.training.heads.attach_heads(model, …), or let the trainer make it",
        )


def _refuse_other_tokenizer(trainer: Any) -> None:
    """Ids of prepared data mean nothing to another tokenizer than its own."""
    data, tokenizer = trainer.train_dataset, trainer.processing_class
    if not isinstance(data, PackedDataset) or not hasattr(tokenizer, "get_vocab"):
        return
    from tokenizers import Tokenizer

    path = data.folder / "tokenizer" / "tokenizer.json"
    if not path.is_file():
        return
    if Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True) != tokenizer.get_vocab():
        raise InputError(
            f"{data.folder}: was prepared with another tokenizer than processing_class",
            f"pass AutoTokenizer.from_pretrained({str(path.parent)!r}), or prepare the text anew",
        )


def verify_rows(trainer: Any) -> None:
    """Look for flipped bits in prepared rows before they are learnt from, in one process a machine."""
    of_replay = trainer.replay.data if trainer.replay is not None else None
    for rows in (trainer.train_dataset, of_replay):
        if isinstance(rows, PackedDataset) and trainer.args.local_process_index == 0:
            rows.verify()


def prepare_model(trainer: Any) -> HeadPlan:
    """How the model's scores are computed, once packed documents are known to stay apart in it."""
    draw_quickly(trainer.model)
    with uncompiled():
        if trainer.objective.is_packed and (trainer.makes_batches or _packs_labels(trainer)):
            _prove_packable(trainer)
            _prove_generator(trainer)
        head = plan_head(trainer.model, torch.bfloat16 if trainer.args.bf16 else torch.float32)
    if computes_layers_again(trainer.args):  # its hooks would be gone then
        head = head.without_trimming()
    return head


def _packs_labels(trainer: Any) -> bool:
    """Whether rows that bring their labels are packed, and batches of them made here."""
    is_own = isinstance(trainer.data_collator, LabelPadding)
    return is_own and has_segments(trainer.train_dataset, trainer.eval_dataset)


def _ordinary_ids(trainer: Any) -> Any:
    """Ids of tokens that stand for text."""
    collator = trainer.data_collator
    return getattr(collator, "vocabulary", collator).ordinary_ids


def _prove_packable(trainer: Any) -> None:
    """That packed documents stay apart, on the device and in the precision of training.

    Rows of one document each gain from it too, but do without where the model cannot.
    """
    model = trainer.model
    given, device = model.config._attn_implementation, next(model.parameters()).device
    in_precision = trainer.args.bf16 and (device.type != "cpu" or has_own_attention(model))
    if device.type == "cpu" and is_decided(model) and not in_precision:
        return
    ids = _ordinary_ids(trainer)
    method = method_of(model) if is_decided(model) else None
    with torch.autocast(device.type, torch.bfloat16, enabled=in_precision):
        try:
            prove_packable(model, ids, trainer.objective.is_causal, method)
        except InputError:
            if has_segments(trainer.train_dataset, trainer.eval_dataset):
                raise
            leave_unpacked(model, given)


def _prove_generator(trainer: Any) -> None:
    """That a generator beside the model keeps documents apart too, by the model's own method."""
    model, generator = trainer.model, generator_of(trainer.model)
    if generator is None or not is_decided(model):
        return
    if is_decided(generator) and method_of(generator) == method_of(model):
        return
    ids, device = trainer.data_collator.vocabulary.ordinary_ids, next(model.parameters()).device
    bf16 = trainer.args.bf16 and device.type != "cpu"
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        prove_packable(generator, ids, False, method_of(model))
