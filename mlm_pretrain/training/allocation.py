"""Keeps freed memory in the process, on Linux with glibc.

A training step allocates and frees the same tensors of some megabytes each time. glibc gives memory of
that size back to the system at once, and the system clears every page again before handing it out:
a tenth of a small model's step. Held back, the pages stay.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_ALL, _MOST_OF_OLD_VERSIONS = 1 << 30, 32 << 20  # bytes


def keep_freed_memory() -> bool:
    """Tell the allocator; whether it understood (elsewhere nothing changes)."""
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        sizes = (_ALL, _MOST_OF_OLD_VERSIONS)
        is_heap = any(mallopt(_MMAP_THRESHOLD, size) for size in sizes)
        return bool(mallopt(_TRIM_THRESHOLD, 2 * _ALL - 1)) and is_heap
    return False


def release_freed_memory() -> None:
    """Give freed memory back after all: others in the process, such as compiled kernels, may lack it."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
