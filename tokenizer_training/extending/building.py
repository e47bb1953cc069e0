"""The extended tokenizer.json and the record of what its new entries were made of."""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import BaseVocabulary, Extension, hash_vocabulary
from tokenizer_training.extending.base import Base
from tokenizer_training.extending.choosing import Choice
from tokenizer_training.extending.mechanism import Mechanism


def build(
    base: Base, choice: Choice, mechanism: Mechanism
) -> tuple[dict[str, Any], Tokenizer, Extension]:
    """(tokenizer.json, changed inside its model alone; the same opened; the extension).

    Added tokens that stand outside the model get their place inside it: the library would number them after
    all of the model's entries, and so anew.

    Raises:
        InputError: when a new word is not coded as its entry.
    """
    made_of = {entry: old for new in choice.words for entry, old in new.entries.items()}
    numbered = {entry: base.entries + n for n, entry in enumerate(made_of)}
    ids = {**base.vocabulary, **numbered}
    in_order = dict(sorted(ids.items(), key=lambda pair: pair[1]))
    content = {**base.content, "model": mechanism.extended_model(in_order)}
    extended = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    _require_whole(base, choice, extended, ids)
    extension = Extension(
        base=BaseVocabulary(
            entries=base.entries, vocabulary_xxh3_128=hash_vocabulary(base.vocabulary)
        ),
        pieces={numbered[entry]: [ids[piece] for piece in old] for entry, old in made_of.items()},
        tokens={index: entry for entry, index in numbered.items()},
    )
    return content, extended, extension


def _require_whole(base: Base, choice: Choice, extended: Tokenizer, ids: dict[str, int]) -> None:
    bare = Tokenizer(extended.model)
    for new in choice.words:
        expected = [ids[list(new.entries)[-1]]]
        if bare.encode(new.word).ids != expected:
            raise InputError(
                f"{base.name}: the new word {new.word!r} is not coded as its entry",
                "please report this",
            )
    found = extended.get_vocab(with_added_tokens=True)
    if found != ids:
        moved = sorted(entry for entry, index in ids.items() if found.get(entry) != index)
        raise InputError(
            f"{base.name}: {len(moved)} entries would get other ids, for example {moved[:1]}",
            "please report this",
        )
