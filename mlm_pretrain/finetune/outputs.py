"""The folder a run writes: claimed by one run, filled at the end, described by a manifest."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import claim_output, telling_of_a_full_disk
from mlm_pretrain.corpus.sources.hub import fingerprint
from mlm_pretrain.corpus.sources.installed_docs import fingerprint as docs_fingerprint
from mlm_pretrain.errors import DiskFull, InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.sources import HUB, is_installed_docs
from mlm_pretrain.manifest import MANIFEST, UNFINISHED, hash_file, own_manifest, write_manifest
from mlm_pretrain.tokenizer_opening import TOKENIZER_FILES

STAGE = "finetune"
METRICS = "metrics.json"
_CLAIM = "run.json"
# What a model and its tokenizer consist of; no pickles.
MODEL_ENDINGS = (".safetensors", ".json", ".txt", ".model", ".spm", ".codes", ".tokenizer")
# Lie beside a model and say nothing of what it computes; the last two of a run of a comparison.
_NO_CONTENT = (MANIFEST, METRICS, "analysis.json", "record.json")


def check_apart(out: str, inputs: Sequence[str | None]) -> None:
    """Refuse an output folder that holds, or is, something the run reads."""
    target = Path(out).resolve()
    for name in inputs:
        if name is None or name.startswith(HUB):
            continue
        source = Path(name).resolve()
        if source.exists() and (target == source or target in source.parents):
            raise InputError(f"{out}: holds {name}, which this run reads", "choose another --out")


def check_running(out: str) -> None:
    """Refuse a folder in which a run of this machine is still at work, or one of another may be."""
    path = Path(out) / _CLAIM
    try:
        other = json.loads(path.read_text(encoding="utf-8"))
        pid, host = int(other["pid"]), str(other["host"])
    except (OSError, ValueError, KeyError):
        return
    if host == platform.node() and (pid == os.getpid() or not _alive(pid)):
        return  # its own number: that of a dead process, given out again as it is in containers
    raise InputError(
        f"{out}: process {pid} on {host} is writing there",
        f"wait for it, choose another --out, or delete {path} when it is gone",
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def claimed(out: str, overwrite: bool) -> Iterator[Path]:
    """The empty output folder, marked as this process's until the end, and as ours where the disk is full.

    Raises:
        InputError: as `claim_output`, and for a disk that fills up meanwhile.
    """
    folder = claim_output(out, overwrite)
    way_out = "free some space and run again with --overwrite"
    with marked(folder, STAGE):
        (folder / UNFINISHED).touch()
        try:
            with telling_of_a_full_disk(folder, way_out):
                yield folder
        except DiskFull:
            raise  # what is there of predictions alone would else be nobody's
        except BaseException:
            (folder / UNFINISHED).unlink(missing_ok=True)
            raise
        (folder / UNFINISHED).unlink()


@contextmanager
def marked(folder: Path, stage: str) -> Iterator[None]:
    """Within it `check_running` of any other process refuses the folder."""
    mark = folder / _CLAIM
    mark.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "stage": stage}))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def save_tokenizer(tokenizer: Any, model: str, folder: Path) -> None:
    """The tokenizer's own files where it is a tokenizer.json; else what the library saves.

    Other kinds consist of files of any name (spm.model, bpe.codes). Those of the model's folder
    replace what the library writes: what it saves of BERTweet's, it cannot read again.
    """
    source = Path(model)
    if (source / "tokenizer.json").is_file():
        _copy(source, folder, TOKENIZER_FILES)
        return
    tokenizer.save_pretrained(folder)
    _copy(source, folder, tokenizer.vocab_files_names.values())
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings.get("tokenizer_class") == "TokenizersBackend":  # unknown to transformers 4
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
        path.write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def _copy(source: Path, folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_results(
    folder: Path,
    metrics: dict[str, Any],
    predictions: dict[str, list[dict[str, Any]]],
    config: dict[str, Any],
    counts: dict[str, Any],
    revision: str | None,
) -> None:
    """Predictions and metrics a split, then the manifest over everything in the folder."""
    for split, rows in predictions.items():
        write_rows(folder / f"predictions_{split}.jsonl", rows)
    (folder / METRICS).write_text(
        json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    inputs = {
        role: describe_input(config[role], revision)
        for role in ("model", "train", "validation", "test", "unlabelled")
        if config[role] is not None
    }
    write_manifest(folder, STAGE, config, inputs, counts, leave_out=(_CLAIM,))


def describe_input(name: str, revision: str | None) -> dict[str, Any]:
    """A path and the hash of what lies there; for the Hub, the revision when it is known."""
    path = Path(name)
    if name.startswith(HUB):
        return {"path": name, "revision": fingerprint(name.removeprefix(HUB))["revision"]}
    if is_installed_docs(name):
        return {"path": name, **docs_fingerprint(name.partition(":")[2])}
    if path.is_file():
        return {"path": name, "xxh3_128": hash_file(path), "bytes": path.stat().st_size}
    if not path.is_dir():
        return {"path": name, "revision": revision}
    if (manifest := own_manifest(path)) is not None:
        return {"path": name, "xxh3_128": manifest.content_hash}
    files = sorted([*path.glob("*.safetensors"), path / "config.json", path / "tokenizer.json"])
    return {"path": name, "files": {p.name: hash_file(p) for p in files if p.is_file()}}


def describe_model(name: str, revision: str | None) -> dict[str, Any]:
    """What `describe_input` says; of a folder the hashes of what lies there now, whatever its manifest says.

    Every file that weights, configuration or tokenizer may consist of counts.
    """
    folder = Path(name)
    if not folder.is_dir():
        return describe_input(name, revision)
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in MODEL_ENDINGS and path.name not in _NO_CONTENT
    ]
    return {"path": name, "files": {path.name: hash_file(path) for path in files}}


def describe_inputs(config: FinetuneConfig, roles: Iterable[str]) -> dict[str, Any]:
    """What lies at the settings `roles` of a run, those of them that are set; "model" by `describe_model`."""
    names = {role: getattr(config, role) for role in roles}
    return {
        role: (describe_model if role == "model" else describe_input)(name, config.revision)
        for role, name in names.items()
        if name is not None
    }
