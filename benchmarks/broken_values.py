"""Values that have no place where they stand, and JSON that is none."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

_DEEP = 100_000
_ODD: list[Any] = [
    None, "", " ", -1, -100, 0, 3.8, 1e308, float("nan"), float("inf"), True, [], {}, [[]], {"text": []},
    10**30, "-1", "²", "1" * 5_000, "\x00", "\ud800", "a\r\nb", "\x1b[2J", "x" * 100_000, [None], ["a", 1],
    "None", "nan", "[1, 2", "{}", {"a": {"b": 1}}, "B-", "B-PER", "I-", "O", "-", "--1", "\u2028", "9" * 18,
]  # fmt: skip


_ODD_JSON = [
    "", "null", "[]", "{}", '"text"', "17", "NaN", "[1,", "{", '{"a" 1}', "{'a': 1}", '{"a": 1,}',
    '{"a": 1} x', "[" * 1_000, "[" * _DEEP, '{"a":' * _DEEP, "[" * 200 + "]" * 200, "// text",
    '{"text": 1e999}', '{"text": -Infinity}', '{"text": ' + "9" * 10_000 + "}", '{"text": null}',
    '{"text": "a", "text": 3}', '{"text": 3, "text": "a"}', '[{"text": "a"}]', '{"text": "a"}{"text": "b"}',
    r'{"text": "\u0000"}', r'{"text": "\ud800"}', r'{"text": "\x"}', '{"text": "a\tb"}',
    '\ufeff{"text": "a"}', '{"' + "k" * 100_000 + '": 1}', json.dumps({f"k{n}": n for n in range(5_000)}),
]  # fmt: skip


def odd_value(rng: Random) -> Any:
    """Something else than what is asked for."""
    return (
        _nested(rng.choice([50, 900])) if rng.random() < 0.05 else copy.deepcopy(rng.choice(_ODD))
    )


def odd_json(rng: Random, field: str) -> str:
    """A line where an object with `field` should stand."""
    return rng.choice(_ODD_JSON).replace("text", field)


def damaged(rng: Random, value: Any) -> Any:
    """A copy of `value` with something inside replaced, left out or doubled."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.15:
        return odd_value(rng)
    changed: Any = copy.copy(value)
    key: Any = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    action = rng.random()
    if action < 0.15:
        del changed[key]
    elif action < 0.25 and isinstance(value, list):
        changed.insert(key, value[key])
    else:
        changed[key] = damaged(rng, value[key])
    return changed


def _nested(depth: int) -> Any:
    value: Any = "a"
    for _ in range(depth):
        value = [value]
    return value
