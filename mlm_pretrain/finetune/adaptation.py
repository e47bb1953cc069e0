"""Which weights a fine-tuning changes: all, or few, where memory or labels are too scarce for all.

"frozen" trains the task's head alone; "bitfit" also the biases (Ben Zaken et al. 2022, "BitFit"); "lora"
a low-rank change of every matrix beside the head (Hu et al. 2022, "LoRA", by the library peft), which is
added to the matrices at the end. So what is saved is an ordinary model in each of these cases. For "prompt"
and "prefix" see `prompts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.prompts import WAYS, check_prompts, save_prompts, with_prompts

if TYPE_CHECKING:
    import torch

    from mlm_pretrain.finetune.config import FinetuneConfig

# Peak rate where only some weights are trained: a head or a low-rank change starts from nothing.
PART_RATE = 1e-3


def check_adaptation(skeleton: Any, config: FinetuneConfig) -> None:
    """Refuse, before anything is written, what `adapted` could not do.

    Raises:
        InputError: for a model without biases under "bitfit"; under "lora" for one without linear layers,
            or when peft is not installed.
    """
    if config.adapt in WAYS:
        check_prompts(skeleton, config)
        _peft(config.adapt)
    head = {name for name, _ in _head(skeleton)}
    biases = [n for n, _ in skeleton.named_parameters() if n not in head and n.endswith("bias")]
    if config.adapt == "bitfit" and not biases:
        raise InputError(
            f"adapt: bitfit trains biases, and {config.model} has none in its layers",
            "use lora or frozen",
        )
    if config.adapt == "lora" and not _matrices(skeleton):
        raise InputError(
            f"adapt: lora changes linear layers, and {config.model} has none that are so called",
            "use frozen, bitfit or full",
        )
    if config.adapt == "lora":
        _peft(config.adapt)


def _peft(adapt: str) -> Any:
    try:
        import peft
    except ImportError:
        raise InputError(
            f"adapt: {adapt} needs the library peft, which is not installed",
            "pip install 'mlm-pretrain[adapters]'",
        ) from None
    return peft


def adapted(model: Any, config: FinetuneConfig) -> Any:
    """The model with the weights that `config.adapt` leaves out frozen, or wrapped by peft."""
    if config.adapt == "full":
        return model
    if config.adapt in (*WAYS, "lora"):
        return _wrapped(model, config)
    head = {name for name, _ in _head(model)}
    is_bias = config.adapt == "bitfit"
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in head or (is_bias and name.endswith("bias"))
    return model


def save(model: Any, folder: Path) -> None:
    """Write the ordinary model that an adapted one has become, or the vectors that it reads."""
    if getattr(model, "active_peft_config", None) is None:
        model.save_pretrained(folder)
    elif model.active_peft_config.is_prompt_learning:
        save_prompts(model, folder)
    else:
        model.merge_and_unload().save_pretrained(folder)


def trained_parameters(model: torch.nn.Module) -> int:
    """Weights open to training: of a table of token vectors all, though those that are read change alone."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _head(model: Any) -> list[tuple[str, Any]]:
    """Weights outside the base model; a pooler belongs to the head, which alone reads it."""
    prefix = model.base_model_prefix + "."
    return [
        (name, parameter)
        for name, parameter in model.named_parameters()
        if not name.startswith(prefix) or ".pooler." in name
    ]


def _wrapped(model: Any, config: FinetuneConfig) -> Any:
    peft = _peft(config.adapt)
    kept = sorted({".".join(name.split(".")[:-1]) for name, _ in _head(model)})
    if config.adapt in WAYS:
        return with_prompts(model, config, peft, kept)
    settings = peft.LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, lora_dropout=0.0,
        target_modules=_matrices(model), modules_to_save=kept,
    )  # fmt: skip
    return peft.get_peft_model(model, settings)


def _matrices(model: Any) -> list[str]:
    """Names of the linear layers of the base model, but for its pooler."""
    import torch

    prefix = model.base_model_prefix + "."
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name.startswith(prefix) and "pooler" not in name
    ]
