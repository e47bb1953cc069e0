"""What a tokenizer consists of, and whether what is pushed of one is all that opens it again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.tokenizer_opening import TOKENIZER_FILE, MissingLibrary, open_tokenizer

# What every kind may have, and what the kinds of transformers call their vocabularies (`vocab_files_names`).
# No "*.model": other programs give that ending to pickles.
TOKENIZER_FILES = (
    TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "dict.txt", "prophetnet.tokenizer",
    "spiece.model", "spm.model", "spm_char.model", "sentencepiece.model", "sentencepiece.bpe.model",
    "tokenizer.model", "*.spm", "target_vocab.json", "vocab-src.json", "vocab-tgt.json",
    "entity_vocab.json", "emoji.json", "word_shape.json", "word_pronunciation.json", "byte_maps.json",
    "normalizer.json",
)  # fmt: skip
# Case, accents, digits, signs and scripts: one without its merges knows every entry and reads otherwise.
_SAMPLE = "The QUICK Brown-Fox isn't naïve: Größe, 12,345.67 € (x=y). МОСКВА, 東京 😀"


def require_tokenizer(folder: Path, names: Iterable[str]) -> None:
    """Refuse a model whose tokenizer those who download it could not open.

    A tokenizer.json says everything itself. Without one, the tokenizer is opened from copies of the files
    that are pushed, and compared with that of the folder.

    Args:
        names: of the files in `folder` that are pushed, but for weights.

    Raises:
        InputError: when it cannot be opened from them, or reads text in another way.
    """
    names = [name for name in names if "/" not in name]
    if TOKENIZER_FILE in names:
        return
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            shutil.copyfile(folder / name, Path(place) / name)
        try:
            if _read(open_tokenizer(place, role=str(folder))) == _read(open_tokenizer(folder)):
                return
            reason = "from the files that would be pushed its tokenizer reads text in another way"
        except MissingLibrary:
            raise
        except InputError as error:
            reason = f"from the files that would be pushed {error.problem.partition(': ')[2]}"
    raise InputError(
        f"{folder}: {reason}",
        f"fine-tune again from a model that has its tokenizer as {TOKENIZER_FILE}, or as files of the "
        "names that transformers gives them",
    )


def _read(tokenizer: Any) -> tuple[dict[str, int], list[int]]:
    """All that it knows, and the ids of a text."""
    return tokenizer.get_vocab(), tokenizer(_SAMPLE)["input_ids"]
