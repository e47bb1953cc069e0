"""A vocabulary small enough to count by hand, and those of the real tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from mlm_pretrain.objectives.vocabulary import Vocabulary, read_vocabulary

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [f"word{number}" for number in range(30)]
PIECES = [*SPECIALS, *WORDS, "##s", "##ing"]


@pytest.fixture(scope="session")
def toy_tokenizer() -> Any:
    """Ids: 0-4 specials as in `SPECIALS`, 5-34 words, 35 and 36 continuations."""
    from transformers import PreTrainedTokenizerFast

    library = Tokenizer(models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]"))
    names = ("pad", "unk", "cls", "sep", "mask")
    roles = {f"{name}_token": token for name, token in zip(names, SPECIALS, strict=True)}
    return PreTrainedTokenizerFast(tokenizer_object=library, **roles)


@pytest.fixture(scope="session")
def toy(toy_tokenizer: Any) -> Vocabulary:
    return read_vocabulary(toy_tokenizer)


@pytest.fixture(scope="session")
def tokenizers(tokenizer_folders: dict[str, Path]) -> dict[str, Any]:
    """The trained tokenizers by algorithm."""
    from transformers import AutoTokenizer

    return {name: AutoTokenizer.from_pretrained(path) for name, path in tokenizer_folders.items()}
