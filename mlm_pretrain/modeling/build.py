"""A model to train: from random weights, or continued from any checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import verify_model
from mlm_pretrain.modeling.attention.choosing import (
    free_embeddings,
    own_attention,
    require_packable,
)
from mlm_pretrain.modeling.sizes import (
    ENCODER_DECODERS,
    build_config,
    check_length,
    dropout_settings,
)
from mlm_pretrain.modeling.vocabulary_growth import NewRows, grow_for
from mlm_pretrain.progress import say
from mlm_pretrain.tokenizer_opening import MissingLibrary, open_tokenizer


def new_model(
    arch: str,
    auto_class: str,
    tokenizer: Any,
    max_length: int,
    seed: int,
    dropout: float = 0.0,
    family_classes: Mapping[str, str] | None = None,
) -> torch.nn.Module:
    """A model of `arch` from random weights that depend on `seed` alone.

    Args:
        family_classes: of the model types that need another Auto class than `auto_class`, its name.
    """
    import transformers

    config = build_config(arch, tokenizer, max_length, dropout)
    auto_class = (family_classes or {}).get(config.model_type, auto_class)
    _check_family(f"--arch {arch}", config, auto_class)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = getattr(transformers, auto_class).from_config(
                config,
                attn_implementation=own_attention(auto_class, config),
                trust_remote_code=False,
            )
        except (ValueError, RuntimeError, AttributeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"--arch {arch}: cannot be built ({reason})",
                "choose bert, modernbert, llama or another that keeps packed rows apart",
            ) from None
    free_embeddings(model)  # before objectives make copies of it
    return model.float()


def continued_model(
    source: str,
    auto_class: str,
    tokenizer: Any,
    max_length: int,
    seed: int,
    revision: str | None = None,
    family_classes: Mapping[str, str] | None = None,
    dropout: float | None = None,
    new_rows: NewRows = "mean",
) -> torch.nn.Module:
    """The checkpoint at `source` (a folder or a Hub name), with the head that training needs.

    With `dropout` its layers get that share, which may be 0; without, they keep their own.

    A missing masked-LM head is built on the tied input embeddings; the layer between encoder and
    embeddings starts as the identity, so that the first scores are hidden · embeddingᵀ and not noise.

    Where the tokenizer is an extension of the checkpoint's, the model grows a row for each new entry, made in
    the way that `new_rows` names (see `vocabulary_growth`).

    Raises:
        InputError: when the checkpoint cannot be read or lacks layers, its vocabulary is neither the
            tokenizer's nor the one that this extends, or rows of `max_length` tokens exceed its positions.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, missing = read_checkpoint(
            source, auto_class, f"--init {source}", revision, family_classes, dropout
        )
    auto_class = (family_classes or {}).get(model.config.model_type, auto_class)
    _check_family(f"--init {source}", model.config, auto_class)
    check_length(model.config, max_length)
    own = _own_vocabulary(source, revision)
    if not grow_for(source, model, tokenizer, own, new_rows):
        _check_vocabulary(source, model, tokenizer, own)
    if not model.config.is_encoder_decoder:
        require_packable(model)
    model.lacked = tuple(missing)
    if missing:
        _refuse_partial(source, model, missing)
        _start_as_identity(model, missing)
        start = "built on the tied embeddings" if model.get_output_embeddings() else "a fresh one"
        say(f"{source}: no head for {auto_class}; {start} ({len(missing)} new tensors)")
    return model


def lacked_weights(model: torch.nn.Module) -> tuple[str, ...]:
    """Names of the weights that the checkpoint of `continued_model` lacked; none of a fresh model."""
    found: tuple[str, ...] = getattr(model, "lacked", ())
    return found


def read_checkpoint(
    source: str | Path,
    auto_class: str,
    role: str,
    revision: str | None = None,
    family_classes: Mapping[str, str] | None = None,
    dropout: float | None = None,
) -> tuple[Any, list[str]]:
    """(model in float32, names of the weights that the checkpoint lacks).

    Raises:
        InputError: beginning with `role`, when there is no readable safetensors checkpoint.
    """
    import transformers

    verify_model(source)
    try:
        config = transformers.AutoConfig.from_pretrained(
            source, revision=revision or "main", trust_remote_code=False
        )
        auto_class = (family_classes or {}).get(config.model_type, auto_class)
        changed = {} if dropout is None else dropout_settings(config.model_type, dropout)
        model, info = getattr(transformers, auto_class).from_pretrained(
            source, dtype=torch.float32, attn_implementation=own_attention(auto_class, config),
            revision=revision or "main", output_loading_info=True, use_safetensors=True,
            trust_remote_code=False, **changed,
        )  # fmt: skip
    except SafetensorError as error:
        raise InputError(f"{role}: its .safetensors file is damaged ({error})") from None
    except RuntimeError as error:
        if "mismatched" not in str(error):
            raise
        raise InputError(
            f"{role}: weights differ in shape from what its config.json says"
        ) from None
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{role}: cannot be read ({reason})") from None
    return model, sorted(info["missing_keys"])


def _check_vocabulary(
    source: str, model: torch.nn.Module, tokenizer: Any, own: Mapping[str, int]
) -> None:
    way_out = f"prepare the data with the model's own tokenizer: --tokenizer {source}"
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise InputError(
            f"the data's tokenizer has {len(tokenizer)} entries, the model {source} only {rows}",
            way_out,
        )
    data = tokenizer.get_vocab()
    differing = sum(data.get(piece) != index for piece, index in own.items())
    if differing:
        raise InputError(
            f"the data's tokenizer is not that of the model {source}: {differing} of its "
            f"{len(own)} entries differ",
            way_out,
        )


def _own_vocabulary(source: str, revision: str | None) -> dict[str, int]:
    """The vocabulary that lies with a checkpoint; empty where none does.

    Raises:
        InputError: when one does, and the libraries that read it are not installed.
    """
    try:
        own: dict[str, int] = open_tokenizer(source, revision, f"--init {source}").get_vocab()
    except MissingLibrary:  # one lies there, that the data's could be compared with
        raise
    except InputError:
        return {}
    return own


def _check_family(role: str, config: Any, auto_class: str) -> None:
    """Refuse a model without the head, and one that sees what it should predict."""
    import transformers

    is_pair, wants_pair = config.is_encoder_decoder, auto_class == "AutoModelForSeq2SeqLM"
    if is_pair and not wants_pair:
        raise InputError(
            f"{role}: is an encoder with a decoder, which this objective does not train",
            "choose an encoder (mlm) or a decoder (clm), or --objective denoising",
        )
    if wants_pair:
        if is_pair and type(config) in transformers.AutoModelForSeq2SeqLM._model_mapping:
            return
        raise InputError(
            f"{role}: is no encoder with a decoder, which denoising trains",
            f"choose one of {', '.join(ENCODER_DECODERS)}, for example --arch t5-mini",
        )
    is_encoder = type(config) in transformers.AutoModelForMaskedLM._model_mapping
    sees_ahead = auto_class == "AutoModelForCausalLM" and is_encoder
    sees_ahead = sees_ahead and not getattr(config, "is_decoder", False)
    sees_left_alone = auto_class != "AutoModelForCausalLM" and not is_encoder
    is_unknown = type(config) not in getattr(transformers, auto_class)._model_mapping
    if sees_ahead or sees_left_alone or is_unknown:
        objective = "clm" if sees_left_alone else "mlm"
        raise InputError(f"{role}: has no head for this objective", f"try --objective {objective}")


def _refuse_partial(source: str, model: Any, missing: list[str]) -> None:
    """A head may be missing, a layer of the model itself may not."""
    inner = [name for name in missing if name.startswith(f"{model.base_model_prefix}.")]
    if inner:
        raise InputError(
            f"--init {source}: the checkpoint lacks {len(inner)} weights of the model itself, "
            f"for example {inner[0]}",
            "give a complete checkpoint",
        )


def _start_as_identity(model: torch.nn.Module, missing: list[str]) -> None:
    """Set square layers that are missing to the identity (the head's transform)."""
    parameters = dict(model.named_parameters())
    for name in missing:
        weight = parameters.get(name)
        if weight is None or weight.dim() != 2:
            continue
        if weight.shape[0] == weight.shape[1]:
            torch.nn.init.eye_(weight)
