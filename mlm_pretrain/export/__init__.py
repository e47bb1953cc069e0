"""A run → a folder that `from_pretrained` opens anywhere.

`exporting`: what is written, and that it reopens as it was.
`facts`: what is known of the run, for the card.
"""

from mlm_pretrain.export.exporting import export

__all__ = ["export"]
