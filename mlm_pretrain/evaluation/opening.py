"""What of a model is read before its weights: tokenizer and configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import verify_model
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.tokenizer_opening import open_tokenizer


@quiet_transformers()
def open_model(model: str | Path) -> tuple[Any, Any]:
    """The tokenizer and the configuration of a model.

    Raises:
        InputError: when either cannot be read.
    """
    import transformers

    verify_model(model)
    try:
        settings = transformers.AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"--model {model}: cannot be read ({reason})") from None
    return open_tokenizer(model, role=f"--model {model}"), settings
