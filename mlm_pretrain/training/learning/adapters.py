"""A low-rank change as a folder in peft's format, and several of them on one model, switched by name.

    base = AutoModelForMaskedLM.from_pretrained(CHECKPOINT)
    model = open_adapters(base, {"medicine": "a/adapters/medicine", "law": "b/adapters/law"})
    model.set_adapter("law")

A folder holds the change; where the head learned too, the head with the table that it shares; and where
tokens were added, the table of token vectors, for a checkpoint that was given rows for them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import read_extension
from mlm_pretrain.training.heads import NAME as HEADS
from mlm_pretrain.training.learning.config import LoraConfig
from mlm_pretrain.training.learning.lora import LORA_FILE, lora_layers, require_peft, target_names
from mlm_pretrain.training.run_folder import TOKENIZER_FOLDER

ADAPTERS_FOLDER = "adapters"
# Of the scores of the plain model, by which those of the change on its base may differ.
TOLERANCE = 1e-4


def first_with_change(configs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first of runs that follow each other, if all of them learn the same change on what it began with.

    A run that follows another without the same change begins on what that one left.
    """
    is_one = all(config.get("lora") == configs[-1]["lora"] for config in configs)
    return configs[0] if is_one else None


def export_adapter(
    model: Any, source: Path, out: Path, settings: Mapping[str, Any], base: str | None
) -> Path:
    """Write the change that `source` holds as `out`/adapters/NAME, and show that it scores as `model` does.

    Args:
        model: the plain model of `source`, with the change in its matrices.
        source: a folder in that of the run, which it wrote its model into.
        settings: of the run, as it was recorded.
        base: name of the checkpoint that it is a change of, where others can find it.

    Raises:
        InputError: without peft; when the change on its matrices scores differently than `model`.
    """
    peft, config = require_peft(), LoraConfig.model_validate(settings["lora"])
    ids = torch.arange(min(16, model.config.vocab_size))[None]
    expected = _scores(model, ids)
    kept = _heads(model) * bool(config.head)
    if read_extension(source.parent / TOKENIZER_FOLDER) is not None:
        kept.append(_table_name(model))
    change = peft.LoraConfig(
        r=config.rank, lora_alpha=config.scale, lora_dropout=0.0,
        target_modules=target_names(model, config), modules_to_save=kept or None,
        base_model_name_or_path=base,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # of a setting that peft reads by its old name
        wrapped = peft.get_peft_model(model, change, adapter_name=config.name)
    _fill(model, load_file(source / LORA_FILE))
    found = _scores(wrapped, ids)
    if (found - expected).abs().max() > TOLERANCE * expected.abs().max():
        raise InputError(
            f"{out}: the change on its base scores differently than the merged model",
            "please report this",
        )
    wrapped.save_pretrained(out / ADAPTERS_FOLDER)
    (out / ADAPTERS_FOLDER / "README.md").unlink(missing_ok=True)  # a card without a fact in it
    return _named(out / ADAPTERS_FOLDER / config.name, base)


def _named(folder: Path, base: str | None) -> Path:
    """The folder, once it names its base: peft would name the place on this machine instead of none."""
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder


def open_adapters(base: Any, folders: Mapping[str, str | Path]) -> Any:
    """A `PeftModel` of `base` with the change of each folder under its name, the first one active.

    `set_adapter(NAME)` switches, `with disable_adapter():` gives the base itself.

    Raises:
        InputError: without peft, without a folder, or for one that is none of peft's or of another model.
    """
    peft = require_peft()
    if not folders:
        raise InputError("open_adapters: no folder is given", "give at least one, by its name")
    for folder in folders.values():
        if not (Path(folder) / "adapter_config.json").is_file():
            raise InputError(f"{folder}: holds no adapter", "give a folder adapters/NAME")
    (first, folder), *others = folders.items()
    try:
        model = peft.PeftModel.from_pretrained(base, folder, adapter_name=first)
        for name, other in others:
            model.load_adapter(other, adapter_name=name)
    except (ValueError, RuntimeError) as error:
        raise _of_another_model(folder, base, str(error).partition(".")[0]) from None
    for name, place in folders.items():
        _require_taken(model, name, Path(place))
    return model.eval()


def _require_taken(model: Any, name: str, folder: Path) -> None:
    """peft leaves out what it finds no place for, and a change of nothing would remain."""
    taken = require_peft().get_peft_model_state_dict(model, adapter_name=name)
    for key, weight in load_file(folder / "adapter_model.safetensors").items():
        if key not in taken or not torch.equal(taken[key].cpu(), weight.to(taken[key].dtype)):
            raise _of_another_model(folder, model.get_base_model(), f"no place for {key}")


def _of_another_model(folder: str | Path, model: Any, reason: str) -> InputError:
    return InputError(
        f"{folder}: does not fit {type(model).__name__} ({reason})",
        "open it on the checkpoint that it is a change of, by the class that it was trained with",
    )


def _scores(model: Any, ids: torch.Tensor) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return found


def _heads(model: Any) -> list[str]:
    """Names of the modules that stand behind the base model."""
    left_out = (model.base_model_prefix, HEADS)
    return [
        name
        for name, module in model.named_children()
        if name not in left_out and any(True for _ in module.parameters())
    ]


def _table_name(model: Any) -> str:
    table = model.get_input_embeddings()
    return next(name for name, module in model.named_modules() if module is table)


def _fill(model: Any, state: dict[str, torch.Tensor]) -> None:
    """The matrices before the change and its factors, in place of those of a fresh one."""
    with torch.no_grad():
        for owner, layer in lora_layers(model).items():
            for name, weight in layer.named_parameters():
                if f"{owner}.{name}" in state:
                    weight.copy_(state[f"{owner}.{name}"])
