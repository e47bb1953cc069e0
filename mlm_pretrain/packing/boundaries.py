"""A tokenizer as packing needs it: its tokenizer.json, special tokens and limits."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import hash_file

# What a tokenizer may consist of. Weights that lie in the same folder are left where they are.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    "manifest.json",
)


# Classes that take tokenizer.json as it is, so that transformers (seconds to import) is not needed.
_PLAIN_CLASSES = {"PreTrainedTokenizerFast", "TokenizersBackend"}
_ROLES = ("cls", "sep", "bos", "eos", "pad", "mask", "unk")


@dataclass(frozen=True, slots=True)
class OpenedTokenizer:
    """A tokenizer: where it came from, its tokenizer.json, ids of its special tokens by role.

    `library` is the object of transformers where that had to open it.
    """

    name: str
    content: str
    token_ids: dict[str, int]
    model_max_length: float
    vocab_size: int
    library: Any = None


def open_tokenizer_folder(name: str | Path) -> OpenedTokenizer:
    """A fast tokenizer from a folder, or by name from the local cache or the Hub.

    Raises:
        InputError: when there is none, or it has no Rust implementation.
    """
    if Path(name).is_file():
        raise InputError(f"{name}: is a file", "give the folder that holds tokenizer.json")
    return _open_plain(Path(name)) or _open_with_transformers(name)


def _open_plain(folder: Path) -> OpenedTokenizer | None:
    """A folder that says everything itself; None where transformers may change what it says."""
    if not (folder / "tokenizer.json").is_file() or (folder / "added_tokens.json").exists():
        return None
    try:
        config = {**_read_json(folder / "special_tokens_map.json"),
                  **_read_json(folder / "tokenizer_config.json")}  # fmt: skip
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # the library raises plain Exception; transformers will say what is wrong
        return None
    names = {role: config.get(f"{role}_token") for role in _ROLES}
    tokens = {role: t["content"] if isinstance(t, dict) else t for role, t in names.items() if t}
    ids = {role: tokenizer.token_to_id(token) for role, token in tokens.items()}
    if config.get("tokenizer_class") not in _PLAIN_CLASSES or None in ids.values():
        return None
    limit = config.get("model_max_length") or float("inf")
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    return OpenedTokenizer(str(folder), tokenizer.to_str(), ids, limit, size)


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _open_with_transformers(name: str | Path) -> OpenedTokenizer:
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(os.fspath(name))
    except Exception as error:  # the library raises OSError, ValueError, KeyError and its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name}: no tokenizer could be loaded ({reason})",
            "give a folder with tokenizer.json, for example the output of "
            "`mlm-pretrain tokenizer train`",
        ) from None
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"{name}: has no fast (Rust) version", "convert it to a tokenizer.json first"
        )
    found = {role: getattr(tokenizer, f"{role}_token_id", None) for role in _ROLES}
    ids = {role: id for role, id in found.items() if id is not None}
    content = tokenizer.backend_tokenizer.to_str()
    limit = tokenizer.model_max_length or float("inf")
    return OpenedTokenizer(str(name), content, ids, limit, len(tokenizer), tokenizer)


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Ids that open and close every segment. `start` is None where a tokenizer has an end only."""

    start: int | None
    end: int

    @property
    def overhead(self) -> int:
        """Tokens of a segment that are not text."""
        return 1 if self.start is None else 2


def find_boundaries(tokenizer: OpenedTokenizer) -> Boundaries:
    """Start and end ids: [CLS]/[SEP] if set, else <s>/</s>, else the end token alone (GPT-2).

    Raises:
        InputError: naming the token that is missing and how to add it.
    """
    ids = tokenizer.token_ids
    for start, end in (("cls", "sep"), ("bos", "eos")):
        if start in ids and end in ids:
            if "pad" not in ids:
                raise _missing(tokenizer.name, "pad_token")
            return Boundaries(ids[start], ids[end])
    if "cls" in ids or "sep" in ids:
        raise _missing(tokenizer.name, "cls_token" if "sep" in ids else "sep_token")
    if "eos" not in ids:
        raise _missing(tokenizer.name, "eos_token" if "bos" in ids else "cls_token and sep_token")
    return Boundaries(None, ids["eos"])


def _missing(name: str, token: str) -> InputError:
    first = token.split(" ")[0]
    return InputError(
        f"{name}: the tokenizer has no {token}",
        f'set "{first}" in its tokenizer_config.json to a token of its vocabulary, or train one '
        "with `mlm-pretrain tokenizer train`",
    )


def check_length(tokenizer: OpenedTokenizer, max_length: int) -> None:
    """Raise InputError when rows would be longer than the tokenizer says its models can read."""
    limit = tokenizer.model_max_length
    if max_length > limit:
        raise InputError(
            f"max_length {max_length} > {limit}, the model_max_length of {tokenizer.name}",
            f"pass --max-length {limit}, or raise model_max_length in its tokenizer_config.json",
        )


def plain_json(tokenizer: OpenedTokenizer) -> str:
    """The tokenizer.json without what would lose or vary text: truncation, padding, dropout."""
    content = json.loads(tokenizer.content)
    content["truncation"] = content["padding"] = None
    if content["model"].get("dropout") is not None:
        content["model"]["dropout"] = None
    return json.dumps(content, ensure_ascii=False)


def copy_tokenizer(tokenizer: OpenedTokenizer, target: Path) -> None:
    """Put the tokenizer into `target`: a folder's own files as they are, else saved anew."""
    folder = Path(tokenizer.name)
    if folder.is_dir():
        target.mkdir()
        for file in TOKENIZER_FILES:
            if (folder / file).is_file():
                shutil.copyfile(folder / file, target / file)
    else:
        tokenizer.library.save_pretrained(target)
        _use_portable_class(target / "tokenizer_config.json")
    if not (target / "tokenizer.json").is_file():
        (target / "tokenizer.json").write_text(tokenizer.content, encoding="utf-8")


def _use_portable_class(path: Path) -> None:
    """Name the class that transformers 4 and 5 both have; 5 writes one that 4 cannot load."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings.get("tokenizer_class") == "TokenizersBackend":
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def describe_tokenizer(name: str | Path, copy: Path) -> dict[str, str]:
    """What the manifest says about the tokenizer: where it came from and its hash."""
    return {"path": str(name), "xxh3_128": hash_file(copy / "tokenizer.json")}
