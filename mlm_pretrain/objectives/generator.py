"""A smaller masked model beside the one that is trained, and the token vectors that the two have in common.

Three ways to have them in common. "tied": one table with the gradients of both (Clark et al. 2020, ELECTRA).
"disentangled": the main model reads the generator's table, gives it no gradient, and adds a difference of its
own that starts at zero, since the two pull like tokens in opposite directions (He et al. 2021, DeBERTa-v3).
"none": a table each.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import verify_model

Sharing: TypeAlias = Literal["disentangled", "tied", "none"]
State: TypeAlias = Mapping[str, torch.Tensor]


class DifferenceEmbedding(torch.nn.Embedding):
    """Token vectors that are those of another table, which gets no gradient from here, plus a difference.

    Attributes:
        weight: the difference (V, H).
    """

    def __init__(self, table: torch.nn.Embedding, base: torch.nn.Embedding) -> None:
        super().__init__(*table.weight.shape, padding_idx=table.padding_idx, _weight=table.weight)
        self.weight = table.weight  # the very parameter: an optimiser may know it already
        self._base = (base,)  # in a tuple, so that it is no part of this module
        with torch.no_grad():
            self.weight -= base.weight.to(self.weight.device)

    @property
    def base(self) -> torch.nn.Embedding:
        """The table that the difference is added to."""
        return self._base[0]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        shared = torch.nn.functional.embedding(ids, self.base.weight.detach())
        return shared + super().forward(ids)

    def summed(self) -> torch.Tensor:
        """The vectors (V, H) as they come out, without a gradient."""
        return self.base.weight.detach() + self.weight.detach()


class GeneratorHeads(torch.nn.Module):
    """A generator beside `model`, which is changed so that it shares its token vectors.

    Attributes:
        generator: a masked model of the same family.
        begins_fresh: whether it begins untrained.
        masked_share: of the tokens that it fills and the model then judges, at first; nearly all of them are
            replaced by one that begins untrained. None where it is not known.
        difference: with "disentangled", the model's own table once more. It is saved here, for the model
            is saved with the sum of both.
    """

    def __init__(
        self,
        model: Any,
        generator: Any,
        sharing: Sharing,
        begins_fresh: bool = False,
        masked_share: float | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.begins_fresh = generator, begins_fresh
        self.masked_share = masked_share
        self._table: tuple[str, DifferenceEmbedding] | None = None
        if sharing == "tied":
            generator.set_input_embeddings(model.get_input_embeddings())
            generator.tie_weights()
        elif sharing == "disentangled":
            base = generator.get_input_embeddings()
            table = DifferenceEmbedding(model.get_input_embeddings(), base)
            name = next(n for n, weight in model.named_parameters() if weight is table.weight)
            model.set_input_embeddings(table)
            self._table = (name, table)
            self.difference = table.weight

    def fold(self, state: State) -> State:
        """The model's own weights as `from_pretrained` expects them: the sum in place of the difference."""
        if self._table is None:
            return state
        name, table = self._table
        return {**state, name: table.summed()}


def fresh_generator(model: Any, layers: int | None) -> Any:
    """A masked model like `model` with fewer layers, half of them where None; drawn from torch's generator.

    It starts from the model's token vectors: that a difference between them starts at zero then changes
    nothing in a model that is continued. Where such a run starts informed, it gets the first layers too.
    """
    from transformers import AutoModelForMaskedLM

    config = copy.deepcopy(model.config)
    config.num_hidden_layers = layers or max(1, config.num_hidden_layers // 2)
    kinds = getattr(config, "layer_types", None)
    if kinds:
        config.layer_types = kinds[: config.num_hidden_layers]
    config.architectures, config.num_labels = None, 2
    config.id2label = {0: "LABEL_0", 1: "LABEL_1"}  # as they are where nobody names them
    config.label2id = {name: number for number, name in config.id2label.items()}
    generator = AutoModelForMaskedLM.from_config(
        config, attn_implementation=_attention_of(model)
    ).float()
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        generator.get_input_embeddings().weight.copy_(table.to("cpu"))
    return generator


def opened_generator(folder: str, model: Any, sharing: Sharing) -> Any:
    """The masked model in `folder`.

    Raises:
        InputError: when it cannot be read, lacks weights, or does not fit `model`.
    """
    from transformers import AutoModelForMaskedLM

    role = f"generator {folder}"
    verify_model(folder)
    try:
        generator, info = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True,
            attn_implementation=_attention_of(model),
            output_loading_info=True, trust_remote_code=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{role}: cannot be read ({str(error).strip().splitlines()[0]})") from None
    if missing := sorted(info["missing_keys"]):
        raise InputError(f"{role}: lacks {len(missing)} weights, for example {missing[0]}")
    _require_fitting(role, generator, model, sharing)
    return generator


def _attention_of(model: Any) -> str:
    """What a model of its family is built with."""
    return "sdpa" if model._supports_sdpa else "eager"


def _require_fitting(role: str, generator: Any, model: Any, sharing: Sharing) -> None:
    """Its ids must be the model's, and so must its positions; shared vectors must be as wide."""
    shapes = [tuple(m.get_input_embeddings().weight.shape) for m in (generator, model)]
    if generator.config.model_type != model.config.model_type or shapes[0][0] != shapes[1][0]:
        raise InputError(
            f"{role}: a {generator.config.model_type} of {shapes[0][0]} ids cannot generate for a "
            f"{model.config.model_type} of {shapes[1][0]}",
            "give a masked model of the same family and tokenizer",
        )
    places = [getattr(m.config, "max_position_embeddings", None) for m in (generator, model)]
    if places[0] is not None and places[0] < places[1]:
        raise InputError(f"{role}: has {places[0]} positions, the model {places[1]}")
    if sharing != "none" and shapes[0] != shapes[1]:
        raise InputError(
            f"{role}: its token vectors are {shapes[0][1]} wide, the model's {shapes[1][1]}",
            'set sharing to "none"',
        )
