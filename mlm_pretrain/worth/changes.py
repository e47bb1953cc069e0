"""What was forgotten: losses and probes of each variant before and after, as they were measured elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.config import StrictConfig, build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.worth.variants import Variant


class Change(StrictConfig):
    """One figure before and after the training that made a variant.

    Attributes:
        before: of the base.
        after: of the variant.
        lower_is_better: true of losses, false of scores.
    """

    before: float
    after: float
    lower_is_better: bool = True

    @property
    def is_worse(self) -> bool:
        """Whether it went the wrong way. By how much chance decides is not known here."""
        return self.after > self.before if self.lower_is_better else self.after < self.before


# By variant, then by what was measured: "general text, nats a token".
Forgotten = Mapping[str, dict[str, dict[str, Any]]]


def read_forgotten(path: str | Path) -> dict[str, Any]:
    """`{"DAPT": {"general text, nats a token": {"before": 2.1, "after": 2.4}}}` out of a JSON file.

    Raises:
        InputError: naming the file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no JSON object", 'begin with {"NAME": …}')
    return content


def checked_changes(
    forgotten: Forgotten | None, variants: Sequence[Variant]
) -> dict[str, dict[str, Change]]:
    """The changes by variant and by what was measured.

    Raises:
        InputError: for a variant that is not there, or figures that are none.
    """
    names = [variant.name for variant in variants]
    found: dict[str, dict[str, Change]] = {}
    for name, measures in (forgotten or {}).items():
        if name not in names:
            raise InputError(f"forgotten: no variant {name}", f"one of {', '.join(names)}")
        if not isinstance(measures, dict):
            raise InputError(f"forgotten: {name} has no figures", "give before and after of each")
        found[name] = {
            measure: build_config(Change, values, f"forgotten: {name}: {measure}")
            for measure, values in measures.items()
        }
    return found
