"""A few rows of each of SuperGLUE's tasks in its official form."""

from __future__ import annotations

from typing import Any

BOOLQ = [
    {"question": "is it red", "passage": "It -- It is red.", "idx": 0, "label": True},
    {"question": "is it blue", "passage": "It -- It is red.", "idx": 1, "label": False},
]
CB = [
    {"premise": "He knew it rained.", "hypothesis": "it rained", "label": "entailment", "idx": 0},
    {"premise": "Did it rain?", "hypothesis": "it rained", "label": "neutral", "idx": 1},
]
COPA = [
    {
        "premise": "The cat slept.", "choice1": "It was tired.", "choice2": "It was green.",
        "question": "cause", "label": 0, "idx": 0,
    },
    {
        "premise": "It rained.", "choice1": "The sun shone.", "choice2": "The road got wet.",
        "question": "effect", "label": 1, "idx": 7,
    },
]  # fmt: skip
WIC = [
    {
        "word": "bank", "sentence1": "The river bank.", "sentence2": "A bank lent money.",
        "idx": 0, "label": False, "start1": 10, "start2": 2, "end1": 14, "end2": 6, "version": 1.1,
    },
    {
        "word": "cat", "sentence1": "The cat slept.", "sentence2": "Cats sleep.", "idx": 1,
        "label": True, "start1": 4, "start2": 0, "end1": 7, "end2": 4, "version": 1.1,
    },
]  # fmt: skip
MULTIRC = [
    {
        "idx": 3,
        "version": 1.1,
        "passage": {
            "text": "Anna saw a cat. Boris saw none.",
            "questions": [
                {
                    "question": "Who saw a cat?",
                    "idx": 11,
                    "answers": [
                        {"text": "Anna", "idx": 40, "label": 1},
                        {"text": "Boris", "idx": 41, "label": 0},
                    ],
                },
                {
                    "question": "What was seen?",
                    "idx": 12,
                    "answers": [{"text": "a cat", "idx": 42, "label": 1}],
                },
            ],
        },
    }
]
_TEXT = "Oslo is where  Anna lives.\n@highlight\nTo Oslo, not to Rome"
RECORD: list[dict[str, Any]] = [
    {
        "source": "made here",
        "idx": 5,
        "passage": {
            "text": _TEXT,
            "entities": [
                {"start": _TEXT.index(name, start), "end": _TEXT.index(name, start) + 3}
                for name, start in (("Oslo", 0), ("Anna", 0), ("Oslo", 9), ("Rome", 0))
            ],
        },
        "qas": [
            {
                "query": "Anna likes @placeholder more.",
                "answers": [
                    {"start": 0, "end": 3, "text": "Oslo"},
                    {"start": 41, "end": 44, "text": "Oslo"},
                ],
                "idx": 9,
            }
        ],
    }
]
OFFICIAL = {
    "BoolQ": BOOLQ, "CB": CB, "COPA": COPA, "MultiRC": MULTIRC, "ReCoRD": RECORD, "WiC": WIC,
}  # fmt: skip

_CAT = {"text": "The cat slept. What was the cause of this?", "idx": 0}
_RAIN = {"text": "It rained. What happened as a result?", "idx": 7}
_SEEN = "Anna saw a cat. Boris saw none."
_LIVES = {
    "text": "Oslo is where Anna lives. To Oslo, not to Rome", "idx": {"passage": 5, "query": 9},
    "answers": ["Oslo"],
}  # fmt: skip
# What becomes of them.
CONVERTED: dict[str, list[dict[str, Any]]] = {
    "BoolQ": [
        {"text": "is it red", "text_pair": "It -- It is red.", "label": "true", "idx": 0},
        {"text": "is it blue", "text_pair": "It -- It is red.", "label": "false", "idx": 1},
    ],
    "CB": [
        {
            "text": "He knew it rained.", "text_pair": "it rained", "label": "entailment", "idx": 0,
        },
        {"text": "Did it rain?", "text_pair": "it rained", "label": "neutral", "idx": 1},
    ],
    "COPA": [
        {**_CAT, "text_pair": "It was tired.", "label": "true", "choice": 0},
        {**_CAT, "text_pair": "It was green.", "label": "false", "choice": 1},
        {**_RAIN, "text_pair": "The sun shone.", "label": "false", "choice": 0},
        {**_RAIN, "text_pair": "The road got wet.", "label": "true", "choice": 1},
    ],
    "MultiRC": [
        {
            "text": _SEEN, "text_pair": pair, "label": label,
            "idx": {"paragraph": 3, "question": question, "answer": answer},
        }
        for pair, label, question, answer in (
            ("Who saw a cat? Anna", "true", 11, 40),
            ("Who saw a cat? Boris", "false", 11, 41),
            ("What was seen? a cat", "true", 12, 42),
        )
    ],
    "ReCoRD": [
        {**_LIVES, "text_pair": f"Anna likes {name} more.", "label": label, "entity": name}
        for name, label in (("Oslo", "true"), ("Anna", "false"), ("Rome", "false"))
    ],
    "WiC": [
        {
            "text": "bank: The river bank.", "text_pair": "A bank lent money.", "label": "false",
            "idx": 0,
        },
        {"text": "cat: The cat slept.", "text_pair": "Cats sleep.", "label": "true", "idx": 1},
    ],
}  # fmt: skip
