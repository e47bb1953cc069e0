"""English that every Python environment already holds: the docstrings of its libraries.

`installed-docs` reads all of them, `installed-docs:numpy,stdlib` those of some. Nothing is
imported: source files are found and parsed. Modules are visited in the order of a hash of their
names, so that any slice is a mixture of libraries, and the same one in each run of the same
environment. Test folders and vendored copies of other libraries are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xxhash

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.decoding import clean_text
from mlm_pretrain.corpus.docstrings import docstrings_of
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.modules import find_modules
from mlm_pretrain.corpus.options import ReadOptions

MIN_CHARACTERS = 200
# A stray NUL in somebody's docstring is not the user's to correct: counted, never an error.
_LENIENT = ReadOptions(errors="replace")


def read(argument: str, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    """Docstrings of all libraries, or of those in `argument` (import names, comma-separated)."""
    del options
    return read_docstrings(_libraries(argument), audit)


def read_docstrings(libraries: Sequence[str] | None, audit: Audit) -> Iterator[Document]:
    """Distinct docstrings of at least 200 characters; the id is `library:qualified.name`.

    Shorter ones, repeated ones and modules that do not parse are counted in `audit` as
    `short_docstrings`, `duplicate_docstrings` and `unparsable_modules`.

    Raises:
        InputError: for a library that is not installed, with the nearest name.
    """
    seen: set[int] = set()
    for module in find_modules(libraries):
        audit.counts["modules"] += 1
        for name, raw in docstrings_of(module, audit):
            text = clean_text(raw, f"{module.library}:{name}", _LENIENT, audit)
            if len(text) < MIN_CHARACTERS:
                audit.counts["short_docstrings"] += 1
                continue
            digest = xxhash.xxh3_64_intdigest(text.encode())
            if digest in seen:
                audit.counts["duplicate_docstrings"] += 1
                continue
            seen.add(digest)
            yield Document(text, f"{module.library}:{name}")


def fingerprint(argument: str) -> dict[str, Any]:
    """A hash of the names and sizes of the modules that would be read."""
    digest = xxhash.xxh3_128()
    size = files = 0
    for module in find_modules(_libraries(argument)):
        module_bytes = module.path.stat().st_size
        digest.update(f"{module.library}:{module.name}:{module_bytes}\n".encode())
        size, files = size + module_bytes, files + 1
    return {"xxh3_128": digest.hexdigest(), "bytes": size, "files": files}


def _libraries(argument: str) -> list[str] | None:
    return [name.strip() for name in argument.split(",") if name.strip()] or None
