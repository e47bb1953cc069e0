"""Broken inputs read as a user would have them read, and what may come of it.

Documents or examples that keep every promise, or an `InputError` that names the file and can be read.
All else is a fault of ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

# Here, or the first input that needs them would be charged with them.
import pyarrow.compute
import pyarrow.parquet  # noqa: F401
import zstandard  # noqa: F401
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from benchmarks import broken_corpora, broken_tasks
from benchmarks.broken_case import Case, Maker
from mlm_pretrain.corpus import Audit, ReadOptions, read_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, FinetuneConfig

KINDS: dict[str, Maker] = {**broken_corpora.KINDS, **broken_tasks.KINDS}
_LONGEST_MESSAGE = 4_000
_MAX_LENGTH = 32
_MOST_CHARACTERS_ENCODED = 200_000
_INPUTS = ("input_ids", "attention_mask")


class Written(NamedTuple):
    """A case that lies on disk."""

    kind: str
    case: Case
    folder: Path


def kind_of(number: int) -> str:
    """Kinds take turns, so that each has its share of any number of inputs."""
    return list(KINDS)[number % len(KINDS)]


def write_case(folder: str, seed: int, number: int) -> Written:
    """Make input `number` of `seed` in a folder of this process's own."""
    kind = kind_of(number)
    case = KINDS[kind](Random(f"{seed}:{number}"))
    own = Path(folder, f"inputs-{os.getpid()}")
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    case.write(own)
    return Written(kind, case, own)


def read_case(written: Written) -> str:
    """ "documents" or "error".

    Raises:
        AssertionError: when a promise is broken. Any other exception comes from the product.
    """
    try:
        if written.kind.startswith("corpus"):
            _read_corpus(written)
        else:
            _read_task(written)
    except InputError as error:
        assert not written.kind.endswith(": sound"), f"refused without reason: {error}"
        check_message(str(error), written)
        return "error"
    return "documents"


def check_message(message: str, written: Written) -> None:
    """Short, printable, and with the name of what was given."""
    names = [name for name in _names(written) if name]
    assert any(name in message for name in names) or not names, message
    rest = message
    for name in names:
        rest = rest.replace(name, "")
    assert len(rest) < _LONGEST_MESSAGE, f"{len(rest)} characters: {rest[:500]}"
    assert rest.replace("\n", "").isprintable(), ascii(rest)


def _names(written: Written) -> list[str]:
    """What a message may call the input, longest first."""
    case, folder = written.case, written.folder
    if written.kind == "corpus: specs":
        return [case.spec or "", (case.spec or "")[:50].removesuffix(":no_such"), "an empty name"]
    if case.spec is not None:
        return [str(folder / case.spec), str(folder / case.first), str(folder)]
    # Settings may not suit the sound file either.
    files = list(case.files)[: 2 if len(case.settings) > 1 else 1]
    return [str(folder / name) for name in files]


def _read_corpus(written: Written) -> None:
    case, audit = written.case, Audit()
    options = ReadOptions(**case.settings)
    spec = written.folder / (case.first if case.spec is None else case.spec)
    documents, ids = 0, set()
    given = case.spec if case.spec is not None and written.kind == "corpus: specs" else str(spec)
    for document in read_corpus([given], options, audit):
        documents += 1
        ids.add(document.id)
        assert document.text.strip(), "a document without text"
        assert not {"\0", "\r"} & set(document.text), "a NUL or CR"
        assert len(document.text.encode()) <= options.max_document_bytes, "a document too long"
    assert documents == len(ids) == audit.counts["documents"] > 0, "documents and their ids"
    assert options.errors == "replace" or not audit.counts["replaced_bytes"], "replaced unasked"


def _read_task(written: Written) -> None:
    """As far as fine-tuning goes without a model: read, learn, check, encode."""
    name = written.kind.partition(":")[0]
    task, files = _task(name, written)
    train = task.read(files["train"], "train")
    task.learn(train)
    held_out = task.read(files["validation"], "validation")
    task.check(held_out, files["validation"])
    assert train and held_out, "nothing to learn from, or to score"
    _CHECKS[name]([*train, *held_out], set(task.labels))
    if sum(len(str(example)) for example in [*train, *held_out]) > _MOST_CHARACTERS_ENCODED:
        return  # tokens take a hundred times their bytes, of a long text as of many short ones
    for examples, training in ((train, True), (held_out, False)):
        features = task.encode(examples, tokenizer(), _INPUTS, _MAX_LENGTH, training=training)
        assert all(len(feature) <= _MAX_LENGTH for feature in features), "a feature too long"


def _task(name: str, written: Written) -> tuple[Any, dict[str, str]]:
    settings = dict(written.case.settings)
    broken, other = (str(written.folder / file) for file in written.case.files)
    files = {"train": other, "validation": other, settings.pop("broken"): broken}
    config = FinetuneConfig.model_validate({"model": "none", "out": "none", **files, **settings})
    return TASKS[name](config), files


def _check_texts(examples: Iterable[Any], labels: set[str]) -> None:
    for example in examples:
        assert example.label in labels and example.label.strip(), "a label"
        _check_strings([example.text, example.text_pair or "", example.label])


def _check_sentences(examples: Iterable[Any], labels: set[str]) -> None:
    for example in examples:
        assert len(example.tokens) == len(example.tags) > 0, "tokens and tags"
        assert set(example.tags) <= labels, "a tag"
        _check_strings([*example.tokens, *example.tags])


def _check_questions(examples: Iterable[Any], labels: set[str]) -> None:
    del labels
    for example in examples:
        _check_strings([example.id, example.question, example.context])
        for start, text in example.answers:
            assert text.strip() and example.context[start:].startswith(text), "an answer"


def _check_strings(texts: Iterable[str]) -> None:
    for text in texts:
        assert "\0" not in text.encode().decode(), "a NUL"


_CHECKS = {"sentiment": _check_texts, "ner": _check_sentences, "qa": _check_questions}


@cache
def tokenizer() -> Any:
    """Letters and their continuations: enough to cut any text into tokens."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    core = Tokenizer(models.WordPiece({p: n for n, p in enumerate(pieces)}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True)
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=10**9, **dict(names))
