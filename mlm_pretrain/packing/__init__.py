"""Raw text → rows of tokens on disk, and the dataset that reads them.

prepare(["corpus.jsonl"], "tokenizer/", "data/")
PackedDataset("data/", "train")[0]["input_ids"]
"""

from __future__ import annotations

from mlm_pretrain.packing.config import PrepareConfig
from mlm_pretrain.packing.dataset import PackedDataset, RowBlock
from mlm_pretrain.packing.made import is_prepared
from mlm_pretrain.packing.plan import describe_plan
from mlm_pretrain.packing.prepare import prepare

__all__ = ["PackedDataset", "PrepareConfig", "RowBlock", "describe_plan", "is_prepared", "prepare"]
