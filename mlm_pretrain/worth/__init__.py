"""Was it worth it: what training on more text gave on labelled tasks, what it cost, what to keep."""

from __future__ import annotations

from mlm_pretrain.worth.measuring import plan, worth
from mlm_pretrain.worth.variants import Variant

__all__ = ["Variant", "plan", "worth"]
