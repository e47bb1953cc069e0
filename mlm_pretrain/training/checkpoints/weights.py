"""What is said of a file of weights that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from mlm_pretrain.errors import InputError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within it weights are read from `path`.

    Raises:
        InputError: naming the file when it is missing, damaged, or of other weights.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: cannot be read ({reason})", "resume from another checkpoint"
        ) from None
