"""Whether a stage's folder is there already, made from the same settings and inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.manifest import MANIFEST, read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted_values


def is_made(folder: Path, stage: str, settings: dict[str, Any], inputs: dict[str, str]) -> bool:
    """Whether `stage` wrote `folder` with these settings from inputs with these hashes; says so."""
    if not (folder / MANIFEST).is_file():
        return False
    made = read_manifest(folder, stage)
    hashes = {role: made.inputs.get(role, {}).get("xxh3_128") for role in inputs}
    same = made.config == redacted_values(settings) and hashes == inputs
    say(
        f"{folder}: "
        + ("done before, used as it is" if same else "made with other settings or text, redone")
    )
    return same
