"""The task head of a checkpoint: what of it is kept, and what is drawn afresh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm_pretrain.errors import InputError

# An answer's start and end are the same in every checkpoint, whatever their names; words are no classes.
_NAMELESS = ("AutoModelForQuestionAnswering", "AutoModelForMaskedLM")


def refuse_resized_body(model: Any, resized: Iterable[tuple[Any, ...]], folder: str) -> None:
    """Refuse weights whose sizes config.json denies, but for the head's: it follows the labels.

    Args:
        resized: (name, size in the file, size in the model).
    """
    prefix = model.base_model_prefix + "."
    wrong = sorted((n, tuple(a), tuple(b)) for n, a, b in resized if n.startswith(prefix))
    if wrong:
        name, found, expected = wrong[0]
        raise InputError(
            f"{folder}: {len(wrong)} of its weights have other sizes than its config.json says "
            f"({name}: {found}, not {expected})",
            "check that config.json and model.safetensors belong together",
        )


def redraw_output(
    model: Any, auto_class: str, settings: Any, checkpoint: Any, fresh: set[str]
) -> set[str]:
    """Draw the output layer afresh when the checkpoint's classes are not this task's.

    A layer trained on other classes, or on these in another order, is worse than a random one: it
    starts out sure of the wrong answer. With equal classes training goes on from it.

    Args:
        checkpoint: the configuration the weights were saved with.
        fresh: names of weights that were drawn already.

    Returns:
        Names of the weights drawn here.
    """
    names = _output_names(model, settings.num_labels)
    if auto_class in _NAMELESS or names <= fresh or _classes(checkpoint) == _classes(settings):
        return set()
    import torch
    import transformers

    auto = getattr(transformers, auto_class)
    # A whole model, because only an architecture itself knows how it draws a layer.
    drawn = auto.from_config(settings, dtype=torch.float32, trust_remote_code=False)
    with torch.no_grad():
        for name in names:
            model.get_parameter(name).copy_(drawn.get_parameter(name))
    return names


def _classes(settings: Any) -> list[str]:
    return [str(settings.id2label[index]) for index in sorted(settings.id2label)]


def _output_names(model: Any, classes: int) -> set[str]:
    """Weights of the last layer of the head with an output a class; of the whole head if none."""
    prefix = model.base_model_prefix + "."
    last = output_layer(model, classes)
    head = [name for name, _ in model.named_parameters() if not name.startswith(prefix)]
    return {name for name in head if last is None or name.startswith(last[0] + ".")}


def output_layer(model: Any, classes: int) -> tuple[str, Any] | None:
    """(name, module) of the head's last linear layer with an output a class; None where it has none."""
    import torch

    prefix = model.base_model_prefix + "."
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and module.out_features == classes
        and not name.startswith(prefix)
    ]
    return layers[-1] if layers else None
