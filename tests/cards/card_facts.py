"""Facts of an adapted model: all there are, and the fewest."""

from __future__ import annotations

from typing import Any

RESULT = {
    "task": "/data/secret-project/bc5cdr", "kind": "ner", "metric": "f1", "split": "test",
    "base_mean": 0.80123, "adapted_mean": 0.81234, "difference": 0.01111, "low": 0.004, "high": 0.0182,
    "p_holm": 0.012, "verdict": "better", "seeds": 5, "control_mean": 0.7999,
}  # fmt: skip
OTHER = {
    **RESULT, "task": "intents", "kind": "sentiment", "metric": "accuracy", "adapted_mean": 0.6,
    "verdict": "not shown", "seeds": [0, 1, 2], "control_mean": None, "runs": ["of its own report"],
}  # fmt: skip
FEWEST: dict[str, Any] = {
    "name": "tiny", "base_model": "ada/base", "model_class": "BertForMaskedLM", "parameters": 1_234_567,
    "versions": {"mlm_pretrain": "0.1.0"},
}  # fmt: skip
ALL: dict[str, Any] = {
    **FEWEST,
    "base_revision": "0123abcd",
    "licence": {"id": "apache-2.0", "origin": "base"},
    "language": ["en"],
    "domain": "abstracts of biomedical articles",
    "purpose": "To find names of chemicals.",
    "sources": [
        {
            "name": "~/secret-project/train.jsonl.gz", "documents": 1000, "bytes": 15_000_000,
            "tokens": 3_000_000, "xxh3_128": "ab" * 16, "licence": "CC BY 4.0",
        }
    ],
    "general": [{"name": "hf:wiki/pages:20231101.en@train#main", "documents": 10}],
    "removed": {"overlap with bc5cdr | test": 12, "duplicate": 0},
    "distance": {"words unseen": 0.12345},
    "training": {
        "steps": 1200, "tokens": 9_000_000, "epochs": 2.5, "minutes": 20, "hardware": "2 cores",
        "learning_rate": 1e-4, "new_rows_learning_rate": 1e-3, "replay_share": 0.1,
        "others": {"masking": "word", "data": "/data/secret-project/packed"},
    },
    "vocabulary": {
        "words": 1000, "entries_before": 30522, "entries_after": 31522, "tokens_before": 1_000_000,
        "tokens_after": 880_000, "tokens_of": "the validation text", "examples": ["ischemia"],
    },
    "worth": [RESULT, OTHER],
    "worth_level": 0.95,
    "domain_loss": {"before": 1.25, "after": 1.0, "unit": "bits a byte"},
    "general_loss": {"before": 2.5, "after": 2.75},
    "probes": {"BLiMP": {"before": 0.75, "after": 0.5}},
    "limits": ["Nothing was tried in other languages."],
    "examples": ["The [MASK] of the mice was higher than that of the others."],
    "command": ["mlm-pretrain", "adapt", "--model", "ada/base", "--corpus", "/data/secret-project/texts"],
    "max_length": 128,
}  # fmt: skip
