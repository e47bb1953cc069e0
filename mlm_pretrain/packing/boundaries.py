"""A tokenizer as packing needs it: its tokenizer.json, special tokens and limits."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import EXTENSION_FILE
from mlm_pretrain.manifest import hash_file
from mlm_pretrain.tokenizer_opening import TOKENIZER_FILES, open_tokenizer

# Of a folder; weights that lie in the same one are left where they are.
_COPIED_FILES = (*TOKENIZER_FILES, EXTENSION_FILE, "manifest.json")


# Classes that take tokenizer.json as it is, so that transformers (seconds to import) is not needed.
_PORTABLE_CLASS = "PreTrainedTokenizerFast"  # in transformers 4 and 5
_PLAIN_CLASSES = {_PORTABLE_CLASS, "TokenizersBackend"}
# Case, accents (composed and not), digits, punctuation, white space and scripts, to compare copies by.
_SAMPLES = (
    "The QUICK Brown-Fox isn't naïve: Größe, cafe\u0301; e-mail <a@b.org>, 12,345.67 € (x=y).",
    "  Two  spaces\n\tand a tab; МОСКВА, Αθήνα, 東京は2015年, 서울 😀",
)
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


def open_tokenizer_folder(name: str | Path, revision: str | None = None) -> OpenedTokenizer:
    """A fast tokenizer from a folder, or by name (and revision) from the local cache or the Hub.

    Raises:
        InputError: when there is none, or it has no Rust implementation.
    """
    if Path(name).is_file():
        raise InputError(f"{name}: is a file", "give the folder that holds tokenizer.json")
    return _open_plain(Path(name)) or _open_with_transformers(name, revision)


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


def _open_with_transformers(name: str | Path, revision: str | None = None) -> OpenedTokenizer:
    from transformers.utils import logging

    logging.set_verbosity_error()
    tokenizer = open_tokenizer(name, revision)
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
    """Start and end ids: [CLS]/[SEP] if set, else <s>/</s> (GPT-2 has one token for both), else the end token
    alone (T5).

    Raises:
        InputError: naming the token that is missing and how to add it. So it does for padding,
            which no row needs but every batch: what is prepared without it could not be trained on.
    """
    boundaries = _boundaries_of(tokenizer.token_ids, tokenizer.name)
    if "pad" not in tokenizer.token_ids:
        raise _missing(tokenizer.name, "pad_token")
    return boundaries


def _boundaries_of(ids: dict[str, int], name: str) -> Boundaries:
    for start, end in (("cls", "sep"), ("bos", "eos")):
        if start in ids and end in ids:
            return Boundaries(ids[start], ids[end])
    if "cls" in ids or "sep" in ids:
        raise _missing(name, "cls_token" if "sep" in ids else "sep_token")
    if "eos" not in ids:
        raise _missing(name, "eos_token" if "bos" in ids else "cls_token and sep_token")
    return Boundaries(None, ids["eos"])


def _missing(name: str, token: str) -> InputError:
    first = token.split(" ")[0]
    download = "" if Path(name).is_dir() else f"download {name} and "
    return InputError(
        f"{name}: the tokenizer has no {token}",
        f'{download}set "{first}" in its tokenizer_config.json to a token of its vocabulary, or '
        "train one with `mlm-pretrain tokenizer train`",
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
    """Put the tokenizer into `target`: the files of a folder that says everything itself, else all
    that transformers made of it, which may rest on files that are not copied.

    Raises:
        InputError: when the copy that transformers saved gives other ids.
    """
    if tokenizer.library is not None:
        tokenizer.library.save_pretrained(target)
        _say_everything(target / "tokenizer_config.json", tokenizer.library)
        _check_copy(tokenizer, target)
        if (extension := Path(tokenizer.name) / EXTENSION_FILE).is_file():
            shutil.copyfile(extension, target / EXTENSION_FILE)
        return
    target.mkdir()
    for file in _COPIED_FILES:
        if (Path(tokenizer.name) / file).is_file():
            shutil.copyfile(Path(tokenizer.name) / file, target / file)


def _say_everything(path: Path, library: Any) -> None:
    """Name the class that takes tokenizer.json as it is, and what the old class knew by itself.

    Any other class is guessed anew beside a model's config.json, or missing in transformers 4.
    """
    settings = _read_json(path)
    settings["tokenizer_class"] = _PORTABLE_CLASS
    for name in ("model_input_names", "padding_side", "truncation_side"):
        settings[name] = getattr(library, name)
    # Version 4 breaks at a list under the new name; both read the old one.
    if isinstance(extra := settings.get("extra_special_tokens"), list):
        del settings["extra_special_tokens"]
        settings["additional_special_tokens"] = extra
    settings.pop("auto_map", None)  # names code that was not run and is not here
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def _check_copy(tokenizer: OpenedTokenizer, copy: Path) -> None:
    original, reopened = tokenizer.library, _open_with_transformers(copy)
    texts = [*_SAMPLES, *(f"is {token}." for token in original.all_special_tokens)]
    ids = [library(texts)["input_ids"] for library in (original, reopened.library)]
    same = ids[0] == ids[1] and tokenizer.token_ids == reopened.token_ids
    if not same or original.get_vocab() != reopened.library.get_vocab():
        raise InputError(
            f"{tokenizer.name}: a copy of this tokenizer does not give the same ids",
            "give a folder with tokenizer.json whose tokenizer_config.json says "
            f'"tokenizer_class": "{_PORTABLE_CLASS}"',
        )


def describe_tokenizer(name: str | Path, copy: Path, commit: str | None) -> dict[str, Any]:
    """What the manifest says about the tokenizer: where it came from and the hash of what is there,
    or of the copy of one from the Hub, with the commit where that is known."""
    own = Path(name) / "tokenizer.json"
    return {
        "path": str(name),
        "xxh3_128": hash_file(own if own.is_file() else copy / "tokenizer.json"),
        **({"commit": commit} if commit else {}),
    }
