"""The README.md of every model that is written: what a careful reader would ask, from records alone."""

from __future__ import annotations

from mlm_pretrain.cards.adapted import adapted_card, write_adapted_card
from mlm_pretrain.cards.adapted_facts import (
    AdaptedFacts,
    BeforeAfter,
    LossPair,
    NewVocabulary,
    TextSource,
    TrainingFacts,
    WorthResult,
)
from mlm_pretrain.cards.examples import card_examples
from mlm_pretrain.cards.exported import model_card
from mlm_pretrain.cards.finetuned import finetuned_card
from mlm_pretrain.cards.licence import Licence, base_licence
from mlm_pretrain.cards.naming import hub_name, shown_command, shown_name

__all__ = [
    "AdaptedFacts",
    "BeforeAfter",
    "Licence",
    "LossPair",
    "NewVocabulary",
    "TextSource",
    "TrainingFacts",
    "WorthResult",
    "adapted_card",
    "base_licence",
    "card_examples",
    "finetuned_card",
    "hub_name",
    "model_card",
    "shown_command",
    "shown_name",
    "write_adapted_card",
]
