"""Named sizes → Hugging Face configs.

`FAMILY-SIZE` (bert-tiny, modernbert-mini, gpt2-base …), `FAMILY:LAYERSxHIDDEN` (modernbert:6x384), or
the path of a config.json. Sizes are those of Turc et al. 2019, "Well-read students learn better".
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError

# name: (layers, hidden)
SIZES = {
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}
HEAD_WIDTH = 64
ENCODERS = ("bert", "roberta", "modernbert", "distilbert", "electra")
DECODERS = ("gpt2", "llama")
FAMILIES = ENCODERS + DECODERS
ENCODER_DECODERS = ("t5", "bart")  # of as many layers each
_NAMED = FAMILIES + ENCODER_DECODERS
# Their positions count from pad_token_id + 1, so that many of them are never used.
_OFFSET_MODELS = (
    "roberta", "xlm-roberta", "camembert", "roberta-prelayernorm", "xlm-roberta-xl", "data2vec-text",
    "mpnet",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Layers, hidden width H, heads and the feed-forward width of one model."""

    layers: int
    hidden: int

    @property
    def heads(self) -> int:
        return max(1, self.hidden // HEAD_WIDTH)

    @property
    def feed_forward(self) -> int:
        return 4 * self.hidden

    @property
    def gated_feed_forward(self) -> int:
        """Gated layers have three matrices for two: ModernBERT's and Llama's smaller width."""
        return -(-self.hidden * 3 // 2 // 64) * 64


def parse_arch(arch: str) -> tuple[str, Shape]:
    """(family, shape) of an architecture's name.

    Raises:
        InputError: with the nearest known name.
    """
    if match := re.fullmatch(r"([a-z0-9]+):(\d+)x(\d+)", arch):
        family, shape = match[1], Shape(int(match[2]), int(match[3]))
        if family in _NAMED and shape.layers and shape.hidden and shape.hidden % HEAD_WIDTH == 0:
            return family, shape
        raise InputError(
            f"--arch {arch}: unknown family, no layers, or a hidden width that {HEAD_WIDTH} does not "
            "divide",
            f"families: {', '.join(_NAMED)}; for example modernbert:6x384",
        )
    family, _, size = arch.partition("-")
    if family in _NAMED and size in SIZES:
        return family, Shape(*SIZES[size])
    known = [f"{family}-{size}" for family in _NAMED for size in SIZES]
    near = difflib.get_close_matches(arch, known, n=1)
    raise InputError(
        f"--arch {arch}: no such architecture" + (f"; did you mean {near[0]}?" if near else ""),
        f"FAMILY-SIZE of {', '.join(_NAMED)} and {', '.join(SIZES)}; FAMILY:LAYERSxHIDDEN; "
        "or the path of a Hugging Face config.json",
    )


def build_config(arch: str, tokenizer: Any, max_length: int, dropout: float = 0.0) -> Any:
    """A `transformers` config for `arch`, fitted to a tokenizer and a length in tokens."""
    if arch.endswith(".json") or (not _is_named(arch) and Path(arch).is_dir()):
        if dropout:
            raise InputError(
                f"--dropout {dropout}: has no effect on --arch {arch}", "set it in that file"
            )
        return _read_config(arch, tokenizer, max_length)
    family, shape = parse_arch(arch)
    from transformers import AutoConfig

    own = _FAMILY_SETTINGS[family](shape, max_length, dropout)
    if family in ENCODER_DECODERS:
        settings = {**_between_two(family, tokenizer), **own}
    else:
        settings = {**_common(tokenizer, shape), **own}
    if family == "roberta":  # its positions count from pad_token_id + 1
        settings["max_position_embeddings"] += tokenizer.pad_token_id + 1
    return AutoConfig.for_model(family, **settings)


def _is_named(arch: str) -> bool:
    family, _, size = arch.partition("-")
    return family in _NAMED and size in SIZES


def _read_config(path: str, tokenizer: Any, max_length: int) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--arch {path}: not a Hugging Face config ({error})") from None
    for name, value in _special_ids(tokenizer).items():
        setattr(config, name, value)
    config.vocab_size = len(tokenizer)
    check_length(config, max_length)
    return config


def check_length(config: Any, max_length: int) -> None:
    """Refuse data longer than the model's positions, before any training.

    Raises:
        InputError: "512 > 128".
    """
    positions = _positions(config)
    if positions is not None and max_length > positions:
        raise InputError(
            f"rows of {max_length} tokens do not fit the model's {positions} positions: "
            f"{max_length} > {positions}",
            f"prepare the data with --max-length {positions}",
        )


def fitting_length(config: Any, wanted: int) -> int:
    """`wanted` tokens, or as many as the model has positions for."""
    positions = _positions(config)
    return wanted if positions is None else min(wanted, positions)


def _positions(config: Any) -> int | None:
    found = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return None if found is None else found - unused_positions(config)


def unused_positions(config: Any) -> int:
    """How many of a model's positions come before the first one it uses."""
    if getattr(config, "model_type", "") not in _OFFSET_MODELS:
        return 0
    # MPNet's padding is 1, whatever its config says.
    return 1 + (1 if config.model_type == "mpnet" else config.pad_token_id or 0)


def _special_ids(tokenizer: Any) -> dict[str, int | None]:
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": start, "eos_token_id": end}
    if tokenizer.cls_token_id is not None and tokenizer.sep_token_id is not None:
        ids |= {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    return ids


def _common(tokenizer: Any, shape: Shape) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "intermediate_size": shape.feed_forward,
        "tie_word_embeddings": True, **_special_ids(tokenizer),
    }  # fmt: skip


def _between_two(family: str, tokenizer: Any) -> dict[str, Any]:
    """T5 begins to write at a padding token, BART at an end token."""
    special = _special_ids(tokenizer)
    end = special["eos_token_id"]
    first = special["pad_token_id"] if family == "t5" or end is None else end
    return {
        "vocab_size": len(tokenizer), "tie_word_embeddings": True, **special,
        "decoder_start_token_id": first,
    }  # fmt: skip


def _bert(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "max_position_embeddings": max_length,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }


def _electra(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {**_bert(shape, max_length, dropout), "embedding_size": shape.hidden}


def _distilbert(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "dim": shape.hidden, "n_layers": shape.layers, "n_heads": shape.heads,
        "hidden_dim": shape.feed_forward, "max_position_embeddings": max_length,
        "dropout": dropout, "attention_dropout": dropout,
    }  # fmt: skip


def _modernbert(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "intermediate_size": shape.gated_feed_forward, "max_position_embeddings": max_length,
        "mlp_dropout": dropout, "embedding_dropout": dropout,
        # Without learned positions, the start token alone can tell where in the text a word stands.
        "classifier_pooling": "cls",
    }  # fmt: skip


def _gpt2(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "n_embd": shape.hidden, "n_layer": shape.layers, "n_head": shape.heads,
        "n_inner": shape.feed_forward, "n_positions": max_length,
        "resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout,
    }  # fmt: skip


def _llama(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "intermediate_size": shape.gated_feed_forward * 16 // 9 // 64 * 64,  # about 8/3 of the width
        "num_key_value_heads": shape.heads, "max_position_embeddings": max_length,
        "attention_dropout": dropout,
    }  # fmt: skip


_DROPOUT_NAMES = ("dropout", "dropout_prob", "dropout_rate", "pdrop")


def dropout_settings(family: str, dropout: float) -> dict[str, float]:
    """What a family's config calls the dropout of its layers.

    Raises:
        InputError: when the family is not known here.
    """
    if family not in _FAMILY_SETTINGS:
        raise InputError(
            f"--dropout {dropout}: it is not known how a {family} model calls its dropout",
            "set it in the checkpoint's config.json",
        )
    named = _FAMILY_SETTINGS[family](Shape(1, HEAD_WIDTH), 1, dropout)
    return {name: value for name, value in named.items() if name.endswith(_DROPOUT_NAMES)}


def _t5(shape: Shape, _max_length: int, dropout: float) -> dict[str, Any]:
    return {
        "d_model": shape.hidden, "d_kv": HEAD_WIDTH, "d_ff": shape.feed_forward, "num_layers": shape.layers,
        "num_decoder_layers": shape.layers, "num_heads": shape.heads, "dropout_rate": dropout,
    }  # fmt: skip


def _bart(shape: Shape, max_length: int, dropout: float) -> dict[str, Any]:
    sizes = {"layers": shape.layers, "attention_heads": shape.heads, "ffn_dim": shape.feed_forward}
    stacks = {f"{stack}_{n}": size for stack in ("encoder", "decoder") for n, size in sizes.items()}
    return {
        **stacks, "d_model": shape.hidden, "max_position_embeddings": max_length, "dropout": dropout,
        "attention_dropout": dropout, "forced_eos_token_id": None,
    }  # fmt: skip


_FAMILY_SETTINGS = {
    "bert": _bert, "roberta": _bert, "electra": _electra, "distilbert": _distilbert,
    "modernbert": _modernbert, "gpt2": _gpt2, "llama": _llama,
    "t5": _t5, "bart": _bart,
}  # fmt: skip
