"""The licence of a model: what its card says, and nothing where none says anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mlm_pretrain.config import StrictConfig

CARD = "README.md"
_WAIT_SECONDS = 10.0


class Licence(StrictConfig):
    """A licence as the Hub names it.

    Attributes:
        id: the Hub's identifier, such as apache-2.0; "other" goes with a name.
        name: of an "other" licence.
        link: to its text.
        origin: whose word it is: of who made this model, or of the base model's card.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")
    name: str | None = None
    link: str | None = None
    origin: Literal["given", "base"] = "given"


def base_licence(model: str, revision: str | None = None) -> Licence | None:
    """What the card of a folder or of a Hub repository says; None where there is no card or no word of it.

    It is for the record alone, so nothing that goes wrong here stops anyone.
    """
    try:
        metadata = _metadata(_card_of(model, revision))
        licence = metadata.get("license")
        if isinstance(licence, list):  # several are "other" to no reader's use
            licence = licence[0] if len(licence) == 1 else None
        name, link = metadata.get("license_name"), metadata.get("license_link")
        return Licence(id=licence, name=name, link=link, origin="base") if licence else None
    except Exception:
        return None


def _card_of(model: str, revision: str | None) -> Path:
    """The card in a folder, or that of the Hub, from its cache where there is no network."""
    if Path(model).is_dir():
        return Path(model) / CARD
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model, CARD, revision=revision, etag_timeout=_WAIT_SECONDS))


def _metadata(card: Path) -> dict[str, Any]:
    from huggingface_hub import metadata_load

    return metadata_load(card) or {}
