"""Which models an adaptation makes: what each is trained on, from which weights, for how long."""

from __future__ import annotations

from typing import Any, NamedTuple

from mlm_pretrain.adapting.config import DEFAULT_MINUTES, AdaptConfig

BASE = "base"
GENERAL = "general"


class Variant(NamedTuple):
    """A model beside the base.

    Attributes:
        name: as figures call it.
        text: which text it is trained on.
        after: the variant that it goes on from; None for the checkpoint itself.
        has_new_words: whether its vocabulary may be that of the domain.
        has_general: whether general text is mixed in.
        is_guarded: whether it is watched what is forgotten of that, and acted on.
        share: of the length of the adaptation.
    """

    name: str
    text: str
    after: str | None = None
    has_new_words: bool = True
    has_general: bool = True
    is_guarded: bool = True
    share: float = 1.0

    @property
    def data(self) -> str:
        """Folder of its rows, below that of all data."""
        return self._folder(self.text)

    @property
    def general_data(self) -> str:
        """The same, of the general text that is mixed in."""
        return self._folder(GENERAL)

    def _folder(self, text: str) -> str:
        return text if self.has_new_words else f"{text}-base"


# Gururangan et al. 2020, "Don't Stop Pretraining": on the domain (DAPT), on the task's own texts (TAPT), on
# one after the other; and as their control another domain. For it all is as for DAPT, but that words of the
# domain would be of no use to it, and that its share of general text stays as it was at first.
_ALL = (
    Variant("dapt", "domain"),
    Variant("tapt", "task", has_new_words=False, has_general=False, is_guarded=False),
    Variant("dapt+tapt", "task", after="dapt", has_general=False, is_guarded=False),
    Variant("control", "control", has_new_words=False, is_guarded=False),
)


def variants_of(config: AdaptConfig) -> list[Variant]:
    """Those that are made, each behind the one it goes on from."""
    wanted = set(config.chosen_variants)
    wanted |= {v.after for v in _ALL if v.name in wanted and v.after is not None}
    share = config.own_text_share
    return [
        variant._replace(share=share if variant.text == "task" else 1.0)
        for variant in _ALL
        if variant.name in wanted
    ]


def chain_of(name: str) -> list[str]:
    """The variants whose training is in the one called so, the first one first."""
    before = next(variant.after for variant in _ALL if variant.name == name)
    return [*([] if before is None else chain_of(before)), name]


def length_of(config: AdaptConfig, share: float = 1.0) -> dict[str, Any]:
    """So much of the length of the adaptation, as a pretraining run is told."""
    if config.steps is not None:
        return {"steps": max(1, round(config.steps * share))}
    return {"minutes": (config.minutes or DEFAULT_MINUTES) * share}
