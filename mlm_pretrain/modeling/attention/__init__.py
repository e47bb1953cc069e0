"""Attention over packed documents: each sees itself alone, in any architecture, at the speed of its length.

The tokens of a batch are laid in one line without padding, `(1, T)`, and the documents' borders travel in
the place of the attention mask (`layout.py`), so that every model that hands a prepared mask to its
layers is served, with no code of its own. What computes is one of several methods (`methods.py`), equal but
for rounding; `speed.py` measures which is fastest here. Models that ignore the attention interface get
the block masks of `masks.py` instead. Padded rows, as fine-tuning has them, attend by `rows.py`.
"""

from typing import Literal

AttentionChoice = Literal["auto", "products8", "products32", "fused", "varlen", "masks"]
