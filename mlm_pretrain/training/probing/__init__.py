"""Probes while a model is pretrained: what is asked (`config`, `building`), how often (`pace`), and what
follows from the answers (`standing`). The scores themselves are made in `evaluation/probing`."""

from mlm_pretrain.training.probing.config import ProbesConfig

__all__ = ["ProbesConfig"]
