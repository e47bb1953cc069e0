"""The tokenizer folder: what transformers 4.57 and 5 both load, with the same ids.

The files are written here rather than by `save_pretrained`, which in transformers 5 names a class
that 4.x does not have.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokenizer_training.algorithm import Algorithm
from tokenizer_training.specials import SpecialTokens

TOKENIZER_FILE = "tokenizer.json"
# The one class that both versions have and that takes tokenizer.json as it is.
_TOKENIZER_CLASS = "PreTrainedTokenizerFast"


def write_tokenizer(
    folder: Path, tokenizer: Tokenizer, algorithm: Algorithm, model_max_length: int
) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    (folder / TOKENIZER_FILE).write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")
    _write(folder / "tokenizer_config.json", describe(algorithm, model_max_length))
    _write(folder / "special_tokens_map.json", _map_specials(algorithm.specials))


def describe(algorithm: Algorithm, model_max_length: int) -> dict[str, Any]:
    """The tokenizer_config.json of a tokenizer trained by `algorithm`."""
    specials = algorithm.specials
    added = {str(i): _flags(specials, token) for i, token in enumerate(specials.ordered)}
    return {
        "tokenizer_class": _TOKENIZER_CLASS,
        "model_max_length": model_max_length,
        "model_input_names": list(algorithm.model_inputs),
        "padding_side": "right",
        "truncation_side": "right",
        # The decoder of tokenizer.json is complete; tidying after it would spoil exact round trips.
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {i: {**flags, "special": True} for i, flags in added.items()},
        **specials.roles,
    }


def _map_specials(specials: SpecialTokens) -> dict[str, Any]:
    return {
        role: _flags(specials, token) if specials.takes_space(token) else token
        for role, token in specials.roles.items()
    }


def _flags(specials: SpecialTokens, token: str) -> dict[str, Any]:
    return {
        "content": token,
        "lstrip": specials.takes_space(token),
        "normalized": False,
        "rstrip": False,
        "single_word": False,
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
