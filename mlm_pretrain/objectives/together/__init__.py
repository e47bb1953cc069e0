"""Several objectives on one encoder (see `objective` for the card).

One idea a file: settings (`config`), batches (`collator`), what is trained beside the model (`heads`), and
the objective that is made of all parts (`objective`).
"""

from mlm_pretrain.objectives.together.config import Part, TogetherConfig
from mlm_pretrain.objectives.together.objective import recorded, together

__all__ = ["Part", "TogetherConfig", "recorded", "together"]
