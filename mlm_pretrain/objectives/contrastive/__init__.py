"""Embeddings of texts from pairs of views of them (see `objective` for the card).

One idea a file: views (`augmentations`, `spans`), batches of them (`collator`), embeddings (`texts`),
the loss (`info_nce`, `spread`), negatives of earlier steps (`bank`, `heads`), of all a step's batches
(`cached`), and what goes wrong (`collapse`).
"""

from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.objective import OBJECTIVE

__all__ = ["OBJECTIVE", "ContrastiveConfig"]
