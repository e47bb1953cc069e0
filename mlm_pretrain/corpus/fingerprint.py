"""One hash for a corpus: it changes when the files or the way they are read change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import xxhash

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.reading import Source, resolve
from mlm_pretrain.corpus.sources import NAMED_SOURCES
from mlm_pretrain.manifest import hash_file


def fingerprint_corpus(specs: Sequence[str], options: ReadOptions | None = None) -> dict[str, Any]:
    """What a manifest says about the corpus a stage read.

    Files are hashed as they lie on disk (compressed), in reading order and without their names, so
    a corpus may move. `installed-docs` is hashed by its libraries' versions and file sizes, `hf:`
    data by the commit on the Hub where it can be asked for.

    Returns:
        `{"path": specs, "xxh3_128": hexadecimal, "bytes": total, "files": number}`, and `commits` of
        the Hub's datasets among them.

    Raises:
        InputError: for a spec that names nothing, as in `read_corpus`.
    """
    sources = resolve(specs, Audit())
    parts = [part for source in sources for part in _describe(source)]
    settings = (options or ReadOptions()).model_dump()
    digest = xxhash.xxh3_128(json.dumps([settings, parts], sort_keys=True).encode())
    commits = {part["spec"]: part["revision"] for part in parts if "revision" in part}
    return {
        "path": [source.spec for source in sources],
        "xxh3_128": digest.hexdigest(),
        "bytes": sum(part.get("bytes", 0) for part in parts),
        "files": sum(part.get("files", 0) for part in parts),
        **({"commits": commits} if commits else {}),
    }


def _describe(source: Source) -> list[dict[str, Any]]:
    name, _, argument = source.spec.partition(":")
    if not source.files and name in NAMED_SOURCES:
        return [NAMED_SOURCES[name].fingerprint(argument)]
    return [
        {"xxh3_128": hash_file(path), "bytes": path.stat().st_size, "files": 1}
        for path in source.files
    ]
