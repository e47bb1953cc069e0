"""The checkpoint that is adapted, as one folder that every stage reads alike."""

from __future__ import annotations

from pathlib import Path

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.outputs import MODEL_ENDINGS


def base_folder(model: str, revision: str | None) -> str:
    """The folder of `model`; of a Hub name its files of one commit, fetched unless they are here.

    Raises:
        InputError: when there is neither a folder nor a repository of that name.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if Path(model).is_dir():
        return model
    try:
        patterns = [f"*{ending}" for ending in MODEL_ENDINGS]
        return str(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except (OSError, ValueError, HFValidationError, HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"--model {model}: no such folder, and it cannot be fetched from the Hub ({reason})",
            "give the folder of a checkpoint, or a name such as answerdotai/ModernBERT-base",
        ) from None


def base_commit(model: str, folder: str) -> str | None:
    """The commit of a Hub name whose files are in `folder`, as `base_folder` gave it; None of a folder."""
    # The client's cache has a folder for each commit.
    return None if Path(model).is_dir() else Path(folder).name
