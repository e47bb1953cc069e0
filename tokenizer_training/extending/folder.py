"""The folder of an extended tokenizer: the files that the old one had, with the new entries in them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import Extension, write_extension
from mlm_pretrain.progress import say
from tokenizer_training.extending.base import FILES, SAMPLES, Base, ids_of, open_with_transformers
from tokenizer_training.folder import PORTABLE_CLASS, TOKENIZER_FILE

# Other ways to say the vocabulary, which are written anew or left out.
_VOCABULARIES = (
    TOKENIZER_FILE, "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "tokenizer.model",
    "sentencepiece.bpe.model",
)  # fmt: skip
_CONFIG = "tokenizer_config.json"
_PIPELINE = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def write_folder(
    folder: Path, base: Base, content: Mapping[str, Any], extension: Extension, words: Sequence[str]
) -> list[str]:
    """Write the extended tokenizer.

    The class that the old one names stays where it reads the new model as it is written; some build a model
    of their own from vocabulary and merges, and lose the rest. The class that takes tokenizer.json as it is
    is named instead, with what the old class knew by itself.

    Args:
        content: its tokenizer.json.
        words: the new ones, as a person writes them.

    Returns:
        names of the old tokenizer's files that are not there, because they cannot say the new model.

    Raises:
        InputError: when transformers gives other ids than the tokenizers library.
    """
    for name in set(FILES).difference(_VOCABULARIES):
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, folder / name)
    write_extension(folder, extension)
    written = _write_vocabularies(folder, base, content["model"])
    if not any(_reads_right(folder, base, words) for _ in _written_each_way(folder, base, content)):
        raise InputError(
            f"{base.name}: transformers gives other ids by the extended tokenizer than tokenizers",
            "please report this",
        )
    had = [name for name in _VOCABULARIES if (base.folder / name).is_file()]
    return [name for name in had if name not in written]


def _written_each_way(folder: Path, base: Base, content: Mapping[str, Any]) -> Iterator[None]:
    """Under the old class; under the portable one; and there with the pipeline that the old class made."""
    _write_json(folder / TOKENIZER_FILE, content)
    yield
    say(
        f"{type(base.library).__name__} would build another model: the new tokenizer is a {PORTABLE_CLASS}, "
        f"which takes {TOKENIZER_FILE} as it is"
    )
    _write_json(folder / _CONFIG, _portable_config(base))
    yield
    made = json.loads(base.library.backend_tokenizer.to_str())
    pipeline = {name: made[name] for name in _PIPELINE}
    _write_json(folder / TOKENIZER_FILE, {**content, **pipeline})
    yield


def _write_vocabularies(folder: Path, base: Base, model: Mapping[str, Any]) -> list[str]:
    """The vocabulary in the other files that the old tokenizer has and that can say the new one."""
    written = [TOKENIZER_FILE]
    if base.kind == "WordPiece" and (base.folder / "vocab.txt").is_file():
        ordered = sorted(model["vocab"], key=model["vocab"].__getitem__)
        (folder / "vocab.txt").write_text("\n".join(ordered) + "\n", encoding="utf-8")
        written.append("vocab.txt")
    has_merges = all((base.folder / name).is_file() for name in ("vocab.json", "merges.txt"))
    if base.kind == "BPE" and has_merges and not model.get("ignore_merges"):
        text = json.dumps(model["vocab"], ensure_ascii=False)
        (folder / "vocab.json").write_text(text, encoding="utf-8")
        old = (base.folder / "merges.txt").read_text(encoding="utf-8").rstrip("\n")
        new = model["merges"][len(base.content["model"]["merges"]) :]
        lines = [merge if isinstance(merge, str) else " ".join(merge) for merge in new]
        (folder / "merges.txt").write_text("\n".join([old, *lines]) + "\n", encoding="utf-8")
        written += ["vocab.json", "merges.txt"]
    return written


def _reads_right(folder: Path, base: Base, words: Sequence[str]) -> bool:
    """Whether transformers gives the ids of tokenizer.json, and says all else as it did of the old one."""
    try:
        library = open_with_transformers(folder)
    except InputError:
        return False
    plain = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    plain.no_truncation()
    plain.no_padding()
    same_facts = all(
        getattr(library, name) == getattr(base.library, name)
        for name in ("special_tokens_map", "model_input_names", "padding_side", "model_max_length")
    )
    texts = [*SAMPLES, *words]
    same_entries = library.get_vocab() == plain.get_vocab(with_added_tokens=True)
    ids = [plain.encode(text, add_special_tokens=False).ids for text in texts]
    # Around nothing: the samples may hold a new word.
    same_frame = all(
        dict(library(*empty)) == dict(base.library(*empty)) for empty in ([""], ["", ""])
    )
    return same_facts and same_entries and ids_of(library, texts) == ids and same_frame


def _portable_config(base: Base) -> dict[str, Any]:
    """What transformers knows of the old tokenizer, under the class that takes tokenizer.json as it is."""
    with tempfile.TemporaryDirectory() as place:
        base.library.save_pretrained(place)
        settings = json.loads((Path(place) / _CONFIG).read_text(encoding="utf-8"))
    settings["tokenizer_class"] = PORTABLE_CLASS
    for name in ("model_input_names", "padding_side", "truncation_side"):
        settings[name] = getattr(base.library, name)
    # Version 4 breaks at a list under the new name; both read the old one.
    if isinstance(extra := settings.get("extra_special_tokens"), list):
        del settings["extra_special_tokens"]
        settings["additional_special_tokens"] = extra
    settings.pop("auto_map", None)
    return dict(settings)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
