"""One small model of every architecture, with weights large enough that a leak would show."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mlm_pretrain.modeling.build import new_model

LONGEST_SEGMENT = 40
# Architectures that are only reached through a config.json of one's own, all with small windows.
CONFIGS: dict[str, dict[str, Any]] = {
    "modernbert-windows": {"model_type": "modernbert", "local_attention": 16},
    "mistral-windows": {"model_type": "mistral", "sliding_window": 8, "num_key_value_heads": 2},
    "qwen2-windows": {
        "model_type": "qwen2", "sliding_window": 8, "use_sliding_window": True,
        "max_window_layers": 2, "num_key_value_heads": 2,
    },
}  # fmt: skip
SHAPE = {
    "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 128,
    "max_position_embeddings": LONGEST_SEGMENT, "tie_word_embeddings": True,
}  # fmt: skip
ENCODERS = ["bert", "roberta", "modernbert", "distilbert", "electra", "modernbert-windows"]
DECODERS = ["gpt2", "llama", "mistral-windows", "qwen2-windows"]
BuildModel = Callable[[str], Any]


def is_causal(name: str) -> bool:
    return name in DECODERS


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folders: dict[str, Path]) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])


@pytest.fixture(scope="session")
def build_model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> BuildModel:
    """A model by name, in eval mode; the same one each time."""
    folder = tmp_path_factory.mktemp("configs")

    @cache
    def build(name: str) -> Any:
        arch = f"{name}:4x128"
        if name in CONFIGS:
            path = folder / f"{name}.json"
            path.write_text(json.dumps({**SHAPE, **CONFIGS[name]}), encoding="utf-8")
            arch = str(path)
        auto_class = "AutoModelForCausalLM" if is_causal(name) else "AutoModelForMaskedLM"
        model = new_model(arch, auto_class, tokenizer, LONGEST_SEGMENT, seed=0)
        enlarge(model)
        return model.eval()

    return build


def enlarge(model: torch.nn.Module) -> None:
    """Initial weights are so small that attention is nearly even and no leak would be seen."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.1, generator=generator)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`name` goes through every architecture."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", ENCODERS + DECODERS)
