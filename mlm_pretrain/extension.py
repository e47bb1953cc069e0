"""`extension.json`: the entries that a tokenizer has beyond those of the one it was extended from.

It lies beside tokenizer.json wherever that is copied to, so that a model of the old vocabulary can be given
rows for the new entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import hash_json, write_json

EXTENSION_FILE = "extension.json"


class BaseVocabulary(BaseModel):
    """What was extended: `entries` (added tokens too) and `vocabulary_xxh3_128`, see `hash_vocabulary`."""

    model_config = ConfigDict(extra="forbid")

    entries: int
    vocabulary_xxh3_128: str


class Extension(BaseModel):
    """New entries, whose ids follow the old ones without a gap; no old id has changed.

    Attributes:
        base: the vocabulary that was extended.
        pieces: by new id the old ids, in order, that the word was made of before.
        tokens: by new id the entry as it stands in the vocabulary.
    """

    model_config = ConfigDict(extra="forbid")

    base: BaseVocabulary
    pieces: dict[int, list[int]]
    tokens: dict[int, str]

    @property
    def new_ids(self) -> range:
        """Ids of the new entries."""
        return range(self.base.entries, self.base.entries + len(self.tokens))

    def extends(self, vocabulary: Mapping[str, int]) -> bool:
        """Whether `vocabulary` is the one that was extended, entry for entry."""
        return hash_vocabulary(vocabulary) == self.base.vocabulary_xxh3_128

    @model_validator(mode="after")
    def _hangs_together(self) -> Extension:
        expected = list(self.new_ids)
        if sorted(self.tokens) != expected or sorted(self.pieces) != expected:
            raise ValueError("the new ids do not follow the old ones without a gap")
        for ids in self.pieces.values():
            if not ids or not all(0 <= old < self.base.entries for old in ids):
                raise ValueError("a new entry is made of pieces that the base does not have")
        return self


def hash_vocabulary(vocabulary: Mapping[str, int]) -> str:
    """xxh3-128 of a vocabulary as token → id, added tokens included, in whatever order."""
    return hash_json(dict(vocabulary))


def read_extension(folder: str | Path) -> Extension | None:
    """The extension that lies with a tokenizer; None where it is no extended one.

    Raises:
        InputError: when the file is damaged.
    """
    path = Path(folder) / EXTENSION_FILE
    if not path.is_file():
        return None
    try:
        return Extension.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{path}: is damaged ({detail})", "extend the tokenizer again") from None


def write_extension(folder: Path, extension: Extension) -> None:
    """Put `extension` beside a tokenizer."""
    write_json(folder / EXTENSION_FILE, extension.model_dump(mode="json"))
