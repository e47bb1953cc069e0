"""Which number format this machine computes fastest in, found out and not assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "bf16", "fp32"]


def resolve_precision(precision: Precision) -> Literal["bf16", "fp32"]:
    """`auto` → bf16 where the hardware multiplies in it, else fp32.

    A processor without bf16 instructions emulates them several times slower than it computes in fp32.
    """
    if precision != "auto":
        return precision
    return "bf16" if has_bf16() else "fp32"


def product_dtype(precision: Precision) -> torch.dtype:
    """What matrix products are computed in."""
    import torch

    return torch.bfloat16 if resolve_precision(precision) == "bf16" else torch.float32


def has_bf16() -> bool:
    """Whether the GPU, or without one the processor, has bf16 matrix instructions."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.get_device_capability()[0] >= 8)
    flags = _processor_flags()
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & flags)


def _processor_flags() -> set[str]:
    """Instruction-set names of the first processor, as Linux lists them; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 -- not a regular file
            for line in file:
                if line.startswith(("flags", "Features")):
                    return set(line.partition(":")[2].split())
    except OSError:
        pass
    return set()
