"""Extending a tokenizer: words of a field become entries of a vocabulary that stays as it is."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import written_whole
from mlm_pretrain.corpus import fingerprint_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import Extension
from mlm_pretrain.manifest import hash_file, hash_json, write_manifest
from mlm_pretrain.progress import say
from tokenizer_training.extending.base import Base, open_base
from tokenizer_training.extending.building import build
from tokenizer_training.extending.choosing import Choice, choose
from tokenizer_training.extending.config import ExtendConfig
from tokenizer_training.extending.counting import count_words
from tokenizer_training.extending.folder import write_folder
from tokenizer_training.extending.known import Known, SortedWords
from tokenizer_training.extending.measuring import measure
from tokenizer_training.extending.mechanism import Mechanism
from tokenizer_training.extending.ways import mechanism_for, require_extendable
from tokenizer_training.folder import TOKENIZER_FILE

STAGE = "tokenizer extend"
_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class _Made:
    """An extension in memory, and what it was made from."""

    base: Base
    choice: Choice
    mechanism: Mechanism
    content: dict[str, Any]
    extension: Extension
    counts: dict[str, Any]
    figures: dict[str, Any]

    @property
    def readable(self) -> list[str]:
        return [self.base.readable(new.word) for new in self.choice.words]


def extend_tokenizer(
    tokenizer: str | Path,
    corpus: Sequence[str],
    words: int,
    out: str | Path,
    config: ExtendConfig | None = None,
    overwrite: bool = False,
    limit_to: Collection[str] | None = None,
) -> dict[str, Any]:
    """Add up to `words` whole words of `corpus` to a tokenizer, inside its model, and write it to `out`.

    Old ids stay, and new ones follow them. Which words other than the new ones may get other ids depends on
    the model; `promise` says it, and `other_words_changed` counts them in the texts at hand. `extension.json`
    says what each new entry was made of, so that a model can be given rows for them (`grow_vocabulary`).

    Equal inputs and settings give the same bytes of tokenizer.json.

    Args:
        tokenizer: a folder with tokenizer.json (of a model, perhaps), or a name on the Hub.
        corpus: text of the field: files, folders, globs or named sources, as `read_corpus` takes them.
        words: how many words; fewer, and a line on it, where no more of them would save tokens.
        out: the folder to write, empty or new unless `overwrite`.
        config: see `ExtendConfig`.
        limit_to: the only words that may be taken, such as those of a glossary; None for any.

    Returns:
        - `folder`, `base`, `entries_before`, `entries_after`, `words`, `mechanism`, `promise`
        - `corpus`, `kept`, `validation`: savings and changes on each text, see `measure`
        - `examples`: the first words with their old pieces, occurrences and tokens saved
        - `left_out`: distinct words that were considered and left out, by reason
        - `files_left_out`: files of the old tokenizer that could not say the new model
        - `counts`: what was read, sampled and skipped; `seconds`

    Raises:
        InputError: for a tokenizer that cannot be extended, a text that cannot be used or holds no word to
            add, or a folder in use.
    """
    began = time.perf_counter()
    config = config or ExtendConfig()
    with written_whole(out, overwrite) as folder:
        made = _make(tokenizer, corpus, words, config, limit_to)
        missing = write_folder(folder, made.base, made.content, made.extension, made.readable)
        report = {**_report(made), "files_left_out": missing}
        settings = {"words": words, "limit_to": _name(limit_to), **config.model_dump(mode="json")}
        counts = {**report, "counts": made.counts}
        write_manifest(folder, STAGE, settings, _inputs(made.base, corpus, config), counts)
    seconds = round(time.perf_counter() - began, 2)
    return {"folder": str(out), **report, "counts": made.counts, "seconds": seconds}


def plan_extension(
    tokenizer: str | Path,
    corpus: Sequence[str],
    words: int,
    out: str | Path,
    config: ExtendConfig | None = None,
    overwrite: bool = False,
    limit_to: Collection[str] | None = None,
) -> dict[str, Any]:
    """What `extend_tokenizer` would return, without writing anything: it reads the texts and chooses.

    Raises:
        InputError: as `extend_tokenizer`.
    """
    began, folder = time.perf_counter(), Path(out)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not overwrite):
        raise InputError(f"{out}: is in use", "choose another --out, or pass --overwrite")
    made = _make(tokenizer, corpus, words, config or ExtendConfig(), limit_to)
    seconds = round(time.perf_counter() - began, 2)
    return {"folder": str(out), **_report(made), "counts": made.counts, "seconds": seconds}


def _make(
    tokenizer: str | Path,
    corpus: Sequence[str],
    words: int,
    config: ExtendConfig,
    limit_to: Collection[str] | None,
) -> _Made:
    if words < 1:
        raise InputError(f"--words {words}: nothing to add", "ask for one word or more")
    base = open_base(tokenizer, config.revision)
    require_extendable(base)
    found = count_words(base, corpus, config, "the corpus", counts_documents=True)
    kept = count_words(base, config.keep, config, "the text to keep") if config.keep else None
    known = Known(SortedWords(found.words), SortedWords(kept.words if kept else ()), config.derived)
    mechanism = mechanism_for(base, known)
    say(f"choosing among {len(found.words):,} distinct words")
    choice = choose(base, found, mechanism, words, config, _normalised(base, limit_to))
    _say_how_many(choice, words, corpus)
    content, after, extension = build(base, choice, mechanism)
    texts = {"corpus": found, **({"kept": kept} if kept else {})}
    if config.validation:
        texts["validation"] = count_words(
            base, config.validation, config, "the held-out text", counts_long_words=True
        )
    new = {word.word for word in choice.words}
    figures = {
        name: measure(text.words, base.tokenizer, after, base.unknown, new)
        for name, text in texts.items()
    }
    counts = {name: text.counts for name, text in texts.items()}
    return _Made(base, choice, mechanism, content, extension, counts, figures)


def _report(made: _Made) -> dict[str, Any]:
    base, choice = made.base, made.choice
    return {
        "base": base.name,
        "entries_before": base.entries,
        "entries_after": base.entries + len(made.extension.tokens),
        "words": len(choice.words),
        "mechanism": made.mechanism.name,
        "promise": made.mechanism.promise,
        **made.figures,
        "examples": [
            {
                "word": base.readable(new.word),
                "pieces": list(new.entries.values())[-1],
                "count": new.count,
                "saving": new.saving,
            }
            for new in choice.words[:_EXAMPLES]
        ],
        "left_out": choice.left_out,
    }


def _inputs(base: Base, corpus: Sequence[str], config: ExtendConfig) -> dict[str, dict[str, Any]]:
    texts = {"corpus": corpus, "keep": config.keep, "validation": config.validation}
    return {
        "tokenizer": {"path": base.name, "xxh3_128": hash_file(base.folder / TOKENIZER_FILE)},
        **{
            name: fingerprint_corpus(specs, config.reading)
            for name, specs in texts.items()
            if specs
        },
    }


def _normalised(base: Base, limit_to: Collection[str] | None) -> set[str] | None:
    """Words as they come out of the tokenizer's normaliser."""
    if limit_to is None:
        return None
    normal = base.tokenizer.normalizer
    return {(normal.normalize_str(word) if normal else word).strip() for word in limit_to}


def _name(limit_to: Collection[str] | None) -> dict[str, Any] | None:
    if limit_to is None:
        return None
    return {"words": len(limit_to), "xxh3_128": hash_json(sorted(limit_to))}


def _say_how_many(choice: Choice, words: int, corpus: Sequence[str]) -> None:
    found = len(choice.words)
    left_out = ", ".join(f"{reason}: {n}" for reason, n in choice.left_out.items())
    if not found:
        raise InputError(
            f"no word of {', '.join(map(str, corpus))} to add ({left_out})",
            "give more text, or lower min_count and min_documents",
        )
    if found < words:
        say(f"{found} words, not {words}: all others are left out ({left_out})")
