"""A checkpoint, text of a domain and a task → a model of the domain, and the proof of what it is worth.

adapt(AdaptConfig(model="bert-base-uncased", corpus=["texts/"], out="runs/ours"))
"""

from __future__ import annotations

from mlm_pretrain.adapting.adaptation import adapt, plan
from mlm_pretrain.adapting.config import AdaptConfig

__all__ = ["AdaptConfig", "adapt", "plan"]
