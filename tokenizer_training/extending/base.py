"""The tokenizer that is extended: opened as it lies, and refused where old ids could not stay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from tokenizer_training.folder import TOKENIZER_FILE
from tokenizer_training.report import find_unknown, load_tokenizer

# What a tokenizer may consist of, and the config.json by which transformers chooses its class.
FILES = (
    TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model",
    "chat_template.jinja",
)  # fmt: skip
# Case, accents, digits, signs, white space and scripts.
SAMPLES = (
    "The QUICK Brown-Fox isn't naïve: Größe, cafe\u0301; e-mail <a@b.org>, 12,345.67 € (x=y).",
    "  Two  spaces\n\tand a tab; МОСКВА, Αθήνα, 東京は2015年, 서울 😀",
)


@dataclass(frozen=True, slots=True)
class Base:
    """An opened tokenizer.

    Attributes:
        name: as it was given.
        folder: where its files lie.
        content: its tokenizer.json.
        tokenizer: the same, opened by the tokenizers library without truncation and padding.
        vocabulary: every entry with its id, added tokens too; the ids are 0 … `entries` - 1.
        library: what transformers makes of the folder.
    """

    name: str
    folder: Path
    content: dict[str, Any]
    tokenizer: Tokenizer
    vocabulary: dict[str, int]
    library: Any

    @property
    def entries(self) -> int:
        """How many there are: the first id that is free."""
        return len(self.vocabulary)

    @property
    def kind(self) -> str:
        """The model: "WordPiece", "BPE", …"""
        return type(self.tokenizer.model).__name__

    @property
    def unknown(self) -> int | None:
        """The id of the unknown token; None where nothing can be unknown."""
        return find_unknown(self.tokenizer)

    def readable(self, word: str) -> str:
        """A word of the pre-tokeniser as a person writes it, without the sign for a space."""
        decoder = self.tokenizer.decoder
        return (decoder.decode([word]) if decoder else word).strip()


def open_base(tokenizer: str | Path, revision: str | None = None) -> Base:
    """The tokenizer in a folder (of a model, perhaps), or of a name on the Hub.

    Raises:
        InputError: when it has no tokenizer.json, does not cut text into words, has ids without an entry or
            an added token that only some texts are cut at, or transformers reads it differently.
    """
    if Path(tokenizer).is_file():
        raise InputError(f"{tokenizer}: is a file", "give the folder that holds tokenizer.json")
    folder = Path(tokenizer) if Path(tokenizer).is_dir() else _from_hub(str(tokenizer), revision)
    if not (folder / TOKENIZER_FILE).is_file():
        raise InputError(
            f"{tokenizer}: holds no {TOKENIZER_FILE}",
            "write one with transformers: AutoTokenizer.from_pretrained(…).save_pretrained(DIR)",
        )
    loaded = load_tokenizer(folder)
    vocabulary = loaded.get_vocab(with_added_tokens=True)
    content = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    base = Base(str(tokenizer), folder, content, loaded, vocabulary, open_with_transformers(folder))
    _require_words(base)
    _require_every_id(base)
    _require_found_first(base)
    _require_agreement(base)
    return base


def open_with_transformers(folder: Path) -> Any:
    """What `AutoTokenizer` makes of a folder.

    Raises:
        InputError: when it cannot open it.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the library raises OSError, ValueError, KeyError and its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{folder}: transformers cannot open it ({reason})") from None


def ids_of(library: Any, texts: list[str]) -> list[list[int]]:
    """Ids of each text by a tokenizer of transformers, without special tokens."""
    found: list[list[int]] = library(texts, add_special_tokens=False)["input_ids"]
    return found


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        wanted = [*FILES, "config.json"]
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
    except Exception as error:  # many kinds, of the network and of the Hub
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name}: no such folder, and not to be had from the Hub ({reason})",
            "give a folder with tokenizer.json, or a name on the Hub",
        ) from None


def _require_words(base: Base) -> None:
    cut = base.tokenizer.pre_tokenizer
    if cut is None or len(cut.pre_tokenize_str("one two")) < 2:
        raise InputError(
            f"{base.name}: takes a text in one piece, not word by word",
            "whole words can be added to tokenizers whose pre-tokeniser cuts at spaces",
        )


def _require_every_id(base: Base) -> None:
    if sorted(base.vocabulary.values()) != list(range(base.entries)):
        raise InputError(
            f"{base.name}: {base.entries} entries, but not with the ids 0 to {base.entries - 1}",
            "new ids could not follow the old ones: give a tokenizer without gaps",
        )


def _require_found_first(base: Base) -> None:
    """A token outside the model becomes an entry of it, and must not be met where it was no token before."""
    inside = base.tokenizer.get_vocab(with_added_tokens=False)
    for token in base.content.get("added_tokens", []):
        if token["content"] in inside:
            continue
        if token["single_word"] or _is_passed_over(base, token):
            raise InputError(
                f"{base.name}: the added token {token['content']!r} is not taken wherever the text has it "
                f"(single_word: {token['single_word']}, normalized: {token['normalized']}), and other words "
                "would be cut at it once it is an entry of the model",
                "add it with single_word=False and normalized=True, or save the tokenizer without it",
            )


def _is_passed_over(base: Base, token: dict[str, Any]) -> bool:
    """Whether a token is looked for before letters become small, so that the model gets it in capitals."""
    normal, content = base.tokenizer.normalizer, token["content"]
    capitals = content.upper()
    if token["normalized"] or normal is None or capitals == content:
        return False
    words = base.tokenizer.pre_tokenizer.pre_tokenize_str(normal.normalize_str(capitals))
    return any(content in word for word, _ in words)


def _require_agreement(base: Base) -> None:
    """Classes of transformers may add tokens, or build a pipeline of their own."""
    theirs = base.library.get_vocab()
    odd = sorted(theirs.items() ^ base.vocabulary.items())
    ours = [base.tokenizer.encode(text, add_special_tokens=False).ids for text in SAMPLES]
    if odd or ids_of(base.library, list(SAMPLES)) != ours:
        which = f", for example {odd[0][0]!r}" if odd else ""
        raise InputError(
            f"{base.name}: transformers ({type(base.library).__name__}) reads it differently from what its "
            f"{TOKENIZER_FILE} says ({len(odd)} entries differ{which})",
            "write what it makes of it: AutoTokenizer.from_pretrained(…).save_pretrained(DIR)",
        )
