"""Fine-tuning without touching the model: learned vectors that it reads before every text.

"prompt" puts them before the text's embeddings (Lester et al. 2021, "The power of scale for parameter-
efficient prompt tuning"), "prefix" before the keys and values of every layer (Li & Liang 2021, "Prefix-
tuning"; Liu et al. 2022, "P-tuning v2" for encoders); the head is trained too. Both by the library peft.
A head that reads the first token reads the first vector of a prompt instead: of small models little comes
through, and a prefix is better.
Such vectors are no part of an ordinary model, so what is saved is an adapter in peft's format with the
labels in config.json:

    base = AutoModelForSequenceClassification.from_pretrained(MODEL, config=AutoConfig.from_pretrained(OUT))
    model = PeftModel.from_pretrained(base, OUT)
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig

WAYS = ("prompt", "prefix")
_TEXTS = "ForSequenceClassification"  # heads whose output has no place for each token


def check_prompts(skeleton: Any, config: FinetuneConfig) -> None:
    """Refuse a head or an architecture that peft cannot put vectors before.

    Raises:
        InputError: naming the reason.
    """
    kind, adapt = skeleton.config.model_type, config.adapt
    if not type(skeleton).__name__.endswith(_TEXTS):
        raise InputError(f"adapt: {adapt} is for labels of texts", "use lora, bitfit or frozen")
    settings = skeleton.config
    width = skeleton.get_input_embeddings().embedding_dim
    if adapt == "prompt" and width != settings.hidden_size:
        raise InputError(
            f"adapt: prompt needs embeddings as wide as the layers; of {config.model} ({kind}) they are "
            f"{width} and {settings.hidden_size}",
            "use prefix, lora, bitfit or frozen",
        )
    takes = inspect.signature(skeleton.base_model.forward).parameters
    if adapt == "prefix" and "past_key_values" not in takes:
        raise InputError(
            f"adapt: prefix needs keys and values from outside, which {kind} does not take",
            "use prompt, lora, bitfit or frozen",
        )


def with_prompts(model: Any, config: FinetuneConfig, peft: Any, head: list[str]) -> Any:
    """The model wrapped by peft, of which the vectors and the modules of `head` alone are trained."""
    kinds = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}
    settings = kinds[config.adapt](
        task_type="SEQ_CLS", num_virtual_tokens=config.virtual_tokens,
        token_dim=model.config.hidden_size, num_layers=model.config.num_hidden_layers,
        num_attention_heads=model.config.num_attention_heads, modules_to_save=head,
    )  # fmt: skip
    return peft.get_peft_model(model, settings)


def save_prompts(model: Any, folder: Path) -> None:
    """The adapter, and the configuration that has its labels."""
    model.save_pretrained(folder)
    model.get_base_model().config.save_pretrained(folder)
