"""Find the source files of the standard library and the installed packages, importing none."""

from __future__ import annotations

import difflib
import math
import os
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import xxhash

from mlm_pretrain.errors import InputError

STDLIB = "stdlib"
# Tests say nothing a reader would want; vendored copies repeat what is installed elsewhere.
_TESTS = frozenset({"tests", "test", "idle_test"})
_VENDORED = frozenset({"vendor", "vendored", "_vendor", "_vendored", "externals", "third_party"})
_FOREIGN = frozenset({"__pycache__", "site-packages", "dist-packages"})
_SKIPPED_FOLDERS = _TESTS | _VENDORED | _FOREIGN
# A corpus of docstrings must not change while this package itself is being worked on.
_OWN_PACKAGES = frozenset({"mlm_pretrain", "tokenizer_training"})


class Module(NamedTuple):
    """A source file, the library it belongs to ("stdlib", "numpy", …) and its dotted name."""

    library: str
    name: str
    path: Path


def find_modules(libraries: Sequence[str] | None = None) -> list[Module]:
    """Modules of `libraries` (all if None) in an order fixed by a hash of their names.

    Any first part of them is a mixture in which a library counts by the square root of its number
    of modules, so that the few largest, with much boilerplate, do not drown the others.

    Raises:
        InputError: for a library without a source file in this environment.
    """
    found = [*_stdlib_modules(), *_installed_modules()]
    if libraries is not None:
        _check_known(libraries, {module.library for module in found})
        found = [module for module in found if module.library in libraries]
    sizes = Counter(module.library for module in found)
    return sorted(found, key=lambda m: (_hash(m) * math.sqrt(sizes[m.library]), m.library, m.name))


def installed_libraries() -> list[str]:
    """Import names that `installed-docs:NAME` accepts, sorted."""
    return sorted({module.library for module in [*_stdlib_modules(), *_installed_modules()]})


def _hash(module: Module) -> int:
    return xxhash.xxh3_64_intdigest(f"{module.library}:{module.name}".encode())


def _check_known(libraries: Sequence[str], known: set[str]) -> None:
    for library in libraries:
        if library not in known:
            near = difflib.get_close_matches(library, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "use its import name"
            raise InputError(f"installed-docs: no source of '{library}' is installed", hint)


def _stdlib_modules() -> Iterator[Module]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in _source_files(root):
        yield Module(STDLIB, _dotted(path, root), path)


def _installed_modules() -> Iterator[Module]:
    roots = dict.fromkeys(Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))
    seen: set[str] = set()
    for root in roots:
        for path in _source_files(root):
            name = _dotted(path, root)
            library = name.partition(".")[0]
            if library not in _OWN_PACKAGES and name not in seen:
                seen.add(name)
                yield Module(library, name, path)


def _source_files(root: Path) -> Iterator[Path]:
    """`.py` files under `root` whose path is a dotted name, without links and skipped folders."""
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f.isidentifier() and f not in _SKIPPED_FOLDERS]
        for name in files:
            stem, dot, suffix = name.partition(".")
            if dot and suffix == "py" and stem.isidentifier() and not _is_test(stem):
                yield Path(folder, name)


def _is_test(stem: str) -> bool:
    return stem.startswith("test_") or stem.endswith("_test") or stem == "conftest"


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
