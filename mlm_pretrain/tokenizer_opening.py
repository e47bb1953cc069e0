"""A model's tokenizer, opened for every command in one place, and in plain words why it cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.quiet import quiet_transformers

TOKENIZER_FILE = "tokenizer.json"
# What a tokenizer of the kinds that are read here may consist of.
TOKENIZER_FILES = (
    TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model",
    "chat_template.jinja",
)  # fmt: skip
# As repositories call a SentencePiece model; in a folder every file of these endings is taken for one.
_SENTENCEPIECE_NAMES = (
    "spm.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "tokenizer.model",
    "source.spm",
)  # fmt: skip
_SENTENCEPIECE_ENDINGS = (".model", ".spm")


class MissingLibrary(InputError):
    """A tokenizer is there, but nothing that reads its files."""


@quiet_transformers()
def open_tokenizer(name: str | Path, revision: str | None = None, role: str = "") -> Any:
    """What transformers makes of the tokenizer of a folder or Hub name; code in it is never run.

    Args:
        revision: branch, tag or commit of a Hub name.
        role: what messages begin with, such as "--model DIR"; `name` by default.

    Raises:
        InputError: when there is none, or it cannot be opened.
        MissingLibrary: when that is because its vocabulary is a SentencePiece file.
    """
    from transformers import AutoTokenizer

    role = role or str(name)
    if Path(name).is_file():
        raise InputError(f"{role}: is a file, not a model folder")
    try:
        # Left unsaid, a folder with code of its own makes transformers ask on the terminal.
        tokenizer = AutoTokenizer.from_pretrained(
            os.fspath(name), revision=revision or "main", trust_remote_code=False
        )
    except Exception as error:  # the libraries raise OSError, ValueError, KeyError and their own
        raise _refusal(name, revision, role, error) from None
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # the library makes one up without files
        raise _missing_library(name, revision, role) or InputError(
            f"{role}: holds no tokenizer", f"give a folder that has {TOKENIZER_FILE} too"
        )
    return tokenizer


def _refusal(name: str | Path, revision: str | None, role: str, error: Exception) -> InputError:
    if (missing := _missing_library(name, revision, role)) is not None:
        return missing
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if "custom code" in reason:
        return InputError(
            f"{role}: no tokenizer could be loaded (it needs Python code of its own, which is never run)",
            "give a model of an architecture that transformers itself has",
        )
    return InputError(
        f"{role}: no tokenizer could be loaded ({reason})",
        f"give a folder with {TOKENIZER_FILE}, such as `mlm-pretrain export` and "
        "`mlm-pretrain tokenizer train` write",
    )


def _missing_library(name: str | Path, revision: str | None, role: str) -> MissingLibrary | None:
    """What to install, where that is what is wrong. The library itself asks for tiktoken, which reads no such
    file."""
    from transformers.utils import is_protobuf_available, is_sentencepiece_available

    is_complete = is_sentencepiece_available() and is_protobuf_available()
    if is_complete or not _is_sentencepiece(name, revision):
        return None
    return MissingLibrary(
        f"{role}: its tokenizer is a SentencePiece file without {TOKENIZER_FILE}, and the libraries that "
        "read it are not installed",
        "pip install 'mlm-pretrain[sentencepiece]' (that is: sentencepiece and protobuf)",
    )


def _is_sentencepiece(name: str | Path, revision: str | None) -> bool:
    """Whether it has a SentencePiece file and no tokenizer.json; of a Hub name, among what was fetched."""
    if Path(name).is_dir():
        files = {path.name for path in Path(name).iterdir()}
    else:
        sought = (*_SENTENCEPIECE_NAMES, TOKENIZER_FILE)
        files = {file for file in sought if _is_fetched(str(name), file, revision)}
    return TOKENIZER_FILE not in files and any(f.endswith(_SENTENCEPIECE_ENDINGS) for f in files)


def _is_fetched(name: str, file: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, file, revision=revision), str)
    except HFValidationError:  # a path of a folder that is not there
        return False
