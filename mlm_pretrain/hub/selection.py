"""What of an exported folder is uploaded: files of known names alone, after a look for secrets."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import EXTENSION_FILE
from mlm_pretrain.hub.asking import PushError
from mlm_pretrain.hub.explaining import stored_tokens
from mlm_pretrain.manifest import MANIFEST, Manifest, read_manifest, verify
from mlm_pretrain.redaction import find_secrets, is_binary

_CARD = "README.md"
_ALLOWED = (
    "model.safetensors", "model-*.safetensors", "model.safetensors.index.json",
    "heads.safetensors", "config.json", "generation_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", EXTENSION_FILE,
    _CARD, "metrics.json", MANIFEST,
)  # fmt: skip
# Written after the export or by its owner, so that the manifest need not list them.
_UNLISTED = (_CARD, "metrics.json", MANIFEST)
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
_RUN_FILE = "run.json"


@dataclass(frozen=True)
class Selection:
    """What a push of `folder` would upload, leave out, and stumble over."""

    folder: Path
    files: dict[str, int]  # name: bytes
    left_out: list[str]
    findings: list[str]  # "README.md:12: Hugging Face token"

    @property
    def bytes(self) -> int:
        """Of all files to upload."""
        return sum(self.files.values())

    def refuse_findings(self) -> None:
        """Raise a `PushError` naming every place that must not be uploaded; never what is there."""
        if self.findings:
            places = "\n  ".join(self.findings)
            raise PushError(
                f"{self.folder}: holds what should not be public\n  {places}",
                "take it out of the card, or export the model again; a token that was written "
                "down should be revoked",
            )


def select(folder: str | Path) -> Selection:
    """Choose and scan the files of an exported model; the network is not asked.

    Raises:
        InputError: when `folder` is no exported model, or a file in it is damaged.
        PushError: when it holds pickles, or links to elsewhere.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    entries = _entries(folder, manifest)
    _refuse_pickles(folder)
    for entry in entries:
        if not entry.resolve().is_relative_to(folder.resolve()):
            raise PushError(f"{entry}: is a link out of the folder", "remove it, then push again")
    shown = {entry.relative_to(folder).as_posix(): entry for entry in entries}
    names = [name for name, entry in shown.items() if _is_allowed(name, entry, manifest)]
    left_out = [name + "/" * e.is_dir() for name, e in shown.items() if name not in names]
    files = {name: (folder / name).stat().st_size for name in names}
    return Selection(folder, files, left_out, _findings(folder, names))


def _manifest(folder: Path) -> Manifest:
    """The export's manifest, once every file is as it says; but a card is its owner's to edit.

    Whoever downloads an edited card finds that its checksum differs from the manifest's, and only its.
    """
    try:
        manifest = read_manifest(folder, "export")
    except InputError:
        for run in (folder, folder.parent):
            if (run / _RUN_FILE).is_file():
                way_out = f"export it first: mlm-pretrain export {run} --out DIR"
                raise InputError(f"{folder}: is no exported model", way_out) from None
        raise
    unchanging = {name: file for name, file in manifest.files.items() if name != _CARD}
    verify(folder, manifest.model_copy(update={"files": unchanging}))
    return manifest


def _refuse_pickles(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICKLES:
            raise PushError(
                f"{path}: is a pickle, which may run anything on whoever opens it",
                "move it elsewhere: a model is pushed as safetensors alone",
            )


def _entries(folder: Path, manifest: Manifest) -> list[Path]:
    """What lies in the folder, and in those within it that the export wrote (a model's other ways of use)."""
    written = {name.split("/")[0] for name in manifest.files if name.count("/") == 1}
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        is_written = entry.name in written and entry.is_dir() and not entry.is_symlink()
        found += sorted(entry.iterdir()) if is_written else [entry]
    return found


def _is_allowed(name: str, entry: Path, manifest: Manifest) -> bool:
    is_known = any(fnmatchcase(entry.name, pattern) for pattern in _ALLOWED)
    is_whole = name in manifest.files or name in _UNLISTED
    return entry.is_file() and is_known and is_whole


def _findings(folder: Path, names: list[str]) -> list[str]:
    found = []
    for name in names:
        mark = ": byte " if is_binary(name) else ":"
        for finding in find_secrets(folder / name, stored_tokens()):
            found.append(f"{name}{mark}{finding.position}: {finding.kind}")
    return found
