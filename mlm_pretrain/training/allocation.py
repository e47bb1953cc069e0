"""Keeps freed memory in the process, on Linux with glibc.

A training step allocates and frees the same tensors of some megabytes each time. glibc gives memory of
that size back to the system at once, and the system clears every page again before handing it out:
a tenth of a small model's step. Held back, the pages stay.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_LARGEST = 1 << 30  # bytes


def keep_freed_memory() -> bool:
    """Tell the allocator; whether it understood (elsewhere nothing changes)."""
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(
            mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, 2 * _LARGEST - 1)
        )
    return False
