"""What of a model's folder is uploaded: files of known names alone, after a look for secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import EXTENSION_FILE
from mlm_pretrain.hub.asking import PushError
from mlm_pretrain.hub.explaining import stored_tokens
from mlm_pretrain.hub.finding import FINETUNE, find_model
from mlm_pretrain.hub.tokenizer_files import TOKENIZER_FILES, require_tokenizer
from mlm_pretrain.manifest import MANIFEST, Manifest, verify
from mlm_pretrain.redaction import find_secrets, is_binary

CARD = "README.md"
_CONFIGS = ("config.json",)  # also of a tokenizer or an adapter
# Where it came from, in the words of the library, and outside the home folder too.
_LOCAL_NAME = re.compile(r'"\w*name_or_path":\s*"(?:/|~|[A-Za-z]:\\)')
_FOREIGN_BASE = "name_or_path is a folder of this machine, where nobody else finds it"
WEIGHTS = ".safetensors"
_ALLOWED = (
    "model.safetensors", "model-*.safetensors", "model.safetensors.index.json",
    "heads.safetensors", "config.json", "generation_config.json",
    *TOKENIZER_FILES, EXTENSION_FILE,
    "adapter_config.json", "adapter_model.safetensors",
    CARD, "metrics.json", MANIFEST,
)  # fmt: skip
# Written after the export or by its owner, so that the manifest need not list them.
_UNLISTED = (CARD, "metrics.json", MANIFEST)
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")


@dataclass(frozen=True)
class Selection:
    """What a push of `folder` would upload, leave out, and stumble over.

    Attributes:
        folder: where the model lies: what was given, or `model/` in it.
        manifest: what the folder says of itself.
        files: name → bytes, of what is uploaded.
        left_out: names of what is not.
        findings: places that must not be public, such as "README.md:12: Hugging Face token".
    """

    folder: Path
    manifest: Manifest
    files: dict[str, int]
    left_out: list[str]
    findings: list[str]

    @property
    def bytes(self) -> int:
        """Of all files to upload."""
        return sum(self.files.values())

    def card(self, lines: int) -> list[str]:
        """The first lines of its card; none where it has no card."""
        if CARD not in self.files:
            return []
        text = (self.folder / CARD).read_text(encoding="utf-8", errors="replace")
        return text.splitlines()[:lines]

    @property
    def examples(self) -> list[str]:
        """What its card gives the Hub's page to try the model on, which `adapt` takes from the text; in full.

        None of a card whose metadata cannot be read: that is not pushed.
        """
        return _examples(self.folder / CARD) if CARD in self.files else []

    def refuse_findings(self) -> None:
        """Raise a `PushError` naming every place that must not be uploaded; never what is there."""
        if self.findings:
            places = "\n  ".join(self.findings)
            raise PushError(
                f"{self.folder}: holds what should not be public\n  {places}",
                "take it out of the card, or export the model again; a token that was written "
                "down should be revoked",
            )


def _examples(card: Path) -> list[str]:
    from huggingface_hub import metadata_load
    from yaml import YAMLError

    try:
        found = (metadata_load(card) or {}).get("widget") or []
    except (ValueError, YAMLError):
        return []
    entries = found if isinstance(found, list) else [found]
    return [
        str(entry.get("text", entry) if isinstance(entry, dict) else entry) for entry in entries
    ]


def select(folder: str | Path) -> Selection:
    """Choose the files of a model and scan them; the network is not asked.

    Raises:
        InputError: when `folder` holds no model to push, a file in it is damaged, or its tokenizer could not
            be opened from what is sent.
        PushError: when it holds pickles, or links to elsewhere.
    """
    return scanned(choose(folder))


def choose(folder: str | Path) -> Selection:
    """The files of a model by their names; no file is read but the manifest, so nothing is found yet.

    Raises: as `select`, but for damaged files and tokenizers.
    """
    folder, manifest = find_model(Path(folder))
    entries = _entries(folder, manifest)
    _refuse_pickles(folder)
    for entry in entries:
        if not entry.resolve().is_relative_to(folder.resolve()):
            raise PushError(f"{entry}: is a link out of the folder", "remove it, then push again")
    shown = {entry.relative_to(folder).as_posix(): entry for entry in entries}
    names = [name for name, entry in shown.items() if _is_allowed(name, entry, manifest)]
    if not any(name.endswith(WEIGHTS) for name in names):
        raise InputError(
            f"{folder}: holds no weights", "push a folder that has its model.safetensors"
        )
    left_out = [name + "/" * e.is_dir() for name, e in shown.items() if name not in names]
    files = {name: (folder / name).stat().st_size for name in names}
    return Selection(folder, manifest, files, left_out, [])


def scanned(chosen: Selection) -> Selection:
    """With what is found in the files, once every one is as the manifest says; but a card is its owner's to
    edit. Whoever downloads an edited card finds that its checksum differs from the manifest's, and only its.

    Raises:
        InputError: naming a file that is damaged, and where its tokenizer could not be opened from the files.
    """
    manifest = chosen.manifest
    unchanging = {name: file for name, file in manifest.files.items() if name != CARD}
    verify(chosen.folder, manifest.model_copy(update={"files": unchanging}))
    described = [name for name in chosen.files if not name.endswith(WEIGHTS)]
    require_tokenizer(chosen.folder, described)
    return replace(chosen, findings=_findings(chosen.folder, list(chosen.files)))


def _refuse_pickles(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICKLES:
            raise PushError(
                f"{path}: is a pickle, which may run anything on whoever opens it",
                "move it elsewhere: a model is pushed as safetensors alone",
            )


def _entries(folder: Path, manifest: Manifest) -> list[Path]:
    """What lies in the folder, and in those within it that the export wrote: a model's other ways of use,
    and what was learned as an adapter."""
    written = {folder / parent for name in manifest.files for parent in PurePosixPath(name).parents}

    def within(place: Path) -> Iterator[Path]:
        for entry in sorted(place.iterdir()):
            if entry in written and entry.is_dir() and not entry.is_symlink():
                yield from within(entry)
            else:
                yield entry

    return list(within(folder))


def _is_allowed(name: str, entry: Path, manifest: Manifest) -> bool:
    # That of a fine-tuning names the labelled files as they lie on this machine.
    if name == MANIFEST and manifest.stage == FINETUNE:
        return False
    is_known = any(fnmatchcase(entry.name, pattern) for pattern in _ALLOWED)
    is_whole = name in manifest.files or name in _UNLISTED
    return entry.is_file() and is_known and is_whole


def _findings(folder: Path, names: list[str]) -> list[str]:
    found = []
    for name in names:
        if name.endswith(_CONFIGS):
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {_FOREIGN_BASE}"] * bool(_LOCAL_NAME.search(text))
        mark = ": byte " if is_binary(name) else ":"
        for finding in find_secrets(folder / name, stored_tokens()):
            found.append(f"{name}{mark}{finding.position}: {finding.kind}")
    return found
