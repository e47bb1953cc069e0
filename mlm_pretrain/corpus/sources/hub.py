"""Datasets of the Hugging Face Hub, or in a local folder, streamed: `hf:NAME[:config][@split][#revision]`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.sources.rows import bad_row, missing_field
from mlm_pretrain.errors import InputError


class HubName(NamedTuple):
    """The parts of `NAME[:config][@split][#revision]`."""

    name: str
    config: str | None
    split: str
    revision: str | None = None


def parse_name(argument: str) -> HubName:
    """Split `NAME[:config][@split][#revision]`; the split is `train` unless named.

    Raises:
        InputError: when a part is empty.
    """
    name, mark, revision = argument.partition("#")
    name, at, split = name.partition("@")
    name, colon, config = name.partition(":")
    if not name or (at and not split) or (colon and not config) or (mark and not revision):
        raise InputError(
            f"hf:{argument}: not a dataset name", "expected hf:NAME[:config][@split][#revision]"
        )
    return HubName(name, config or None, split or "train", revision or None)


def read(argument: str, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Documents of a dataset, streamed; the id is `hf:NAME:config@split:row`, rows from 1.

    Raises:
        InputError: when the dataset cannot be reached, has no such configuration, split or column,
            or past `options.max_bad_rows` rows without text.
    """
    hub = parse_name(argument)
    spec = f"hf:{argument}"
    for row, values in enumerate(_rows(hub, spec), 1):
        if options.text_field not in values:
            raise missing_field(spec, options.text_field, values)
        text = values[options.text_field]
        if isinstance(text, str):
            yield Document(text, f"{spec}:{row}")
        else:
            problem = f"'{options.text_field}' is {type(text).__name__}, not text"
            bad_row(f"{spec}:{row}", problem, options, audit)


def _rows(hub: HubName, spec: str) -> Iterator[dict[str, Any]]:
    # Counting downloads would contact the Hub even for a dataset that lies on this disk.
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    from datasets import load_dataset

    try:
        dataset = load_dataset(
            hub.name, hub.config, split=hub.split, streaming=True, revision=hub.revision
        )
        yield from dataset
    except GeneratorExit:
        raise
    except Exception as error:  # datasets and its storage layers raise dozens of kinds
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{spec}: cannot be read ({type(error).__name__}: {detail})",
            "check the name, configuration and split, and that the Hub can be reached; "
            "or download the files and pass their folder",
        ) from None


def fingerprint(argument: str) -> dict[str, Any]:
    """What is known of the dataset without reading it: its commit, if the Hub answers."""
    hub = parse_name(argument)
    try:
        from huggingface_hub import HfApi

        found = HfApi().dataset_info(hub.name, revision=hub.revision, timeout=10)
        revision = found.sha or "unknown"
    except Exception:  # offline, private or a local folder: the name has to do
        revision = "unknown"
    return {"spec": f"hf:{argument}", "revision": revision}
