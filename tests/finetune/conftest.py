"""Fixtures of the fine-tuning tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_problems import TOKENIZERS, byte_bpe, save_model, wordpiece

Write = Callable[..., str]


@pytest.fixture(scope="session", params=list(TOKENIZERS))
def any_tokenizer(request: pytest.FixtureRequest) -> Any:
    return TOKENIZERS[request.param]()


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("bert"), "bert", wordpiece())


@pytest.fixture(scope="session")
def modernbert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("modernbert"), "modernbert", byte_bpe())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows as JSON lines (or a text as it is) and give the path."""

    def write_file(name: str, content: list[dict[str, Any]] | str) -> str:
        path = tmp_path / name
        if not isinstance(content, str):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        path.write_text(content, encoding="utf-8")
        return str(path)

    return write_file
