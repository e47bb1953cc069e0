"""What a result depends on besides the code: libraries and hardware."""

from __future__ import annotations

import atexit
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import xxhash

from mlm_pretrain.manifest import versions
from mlm_pretrain.precision import resolve_precision

_OUT_OF_MEMORY = (  # in words that `accelerate` does not know
    "could not create a primitive",
    "bad_alloc",
    "bad allocation",
    "Cannot allocate memory",
)


def environment() -> dict[str, Any]:
    """Versions, operating system, cores, memory in GB, GPU, and the precision `auto` resolves to."""
    import torch

    return {
        **versions(),
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_gb": memory_gb(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "precision": resolve_precision("auto"),
        "offline": os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"),
    }


@cache
def code_hash() -> str:
    """One hash of this package's own code, which says more than a version between two releases."""
    package = Path(__file__).parent
    digest = xxhash.xxh3_128()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def is_out_of_memory(error: Exception) -> bool:
    """Whether it is one of the ways in which Python, torch and oneDNN say that memory ran out."""
    from accelerate.utils.memory import should_reduce_batch_size

    text = str(error)
    known = any(words in text for words in _OUT_OF_MEMORY)
    return isinstance(error, MemoryError) or known or should_reduce_batch_size(error)


def process_rank() -> int:
    """This process's number among those that torchrun or accelerate started; 0 when alone."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """How many processes torchrun or accelerate started; 1 when alone."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_in_a_group() -> bool:
    """Whether this process and others have begun to speak with each other."""
    import torch.distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def leave(code: int) -> NoReturn:
    """End this process with `code`; one of several goes without the interpreter's own teardown.

    A thread of the processes' group may still be letting go of a collective's tensors. One that does so
    while the interpreter is taken down aborts, and the launcher then ends the other processes too.
    """
    if "RANK" in os.environ and process_count() > 1:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def usable_cores() -> int:
    """Cores this process may run on, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """The processor's own name on Linux, else what Python knows."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 -- not a regular file
            names = [
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            ]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def memory_gb() -> float | None:
    """Physical memory, where the system tells."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None
