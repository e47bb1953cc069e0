"""Models to evaluate: a masked one with a byte-level tokenizer, and a decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mlm_pretrain.modeling.build import new_model


def save_model(arch: str, auto_class: str, tokenizer_folder: Path, out: Path) -> Path:
    """Random weights, large enough that no two tokens score alike."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.model_max_length = 64
    model: Any = new_model(arch, auto_class, tokenizer, 64, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.1, generator=generator)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.fixture(scope="session")
def roberta_model(
    tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Its mask token is "<mask>"."""
    out = tmp_path_factory.mktemp("roberta") / "model"
    return save_model("roberta:2x64", "AutoModelForMaskedLM", tokenizer_folders["byte-bpe"], out)


@pytest.fixture(scope="session")
def causal_model(
    tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A Llama."""
    out = tmp_path_factory.mktemp("llama") / "model"
    return save_model("llama:2x64", "AutoModelForCausalLM", tokenizer_folders["wordpiece"], out)


@pytest.fixture(scope="session")
def masked_model(
    tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A ModernBERT whose scores depend on the context, unlike those of a model of eight steps."""
    out = tmp_path_factory.mktemp("modernbert") / "model"
    folder = tokenizer_folders["wordpiece"]
    return save_model("modernbert:2x64", "AutoModelForMaskedLM", folder, out)
