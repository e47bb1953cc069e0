"""`read_corpus`: any mixture of sources as one stream of clean documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.cutting import cut, fits
from mlm_pretrain.corpus.decoding import clean_text
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.filters import build_filters
from mlm_pretrain.corpus.opening import CorruptFileError
from mlm_pretrain.corpus.options import ReadOptions
from mlm_pretrain.corpus.paths import expand, format_of
from mlm_pretrain.corpus.sources import FILE_SOURCES, NAMED_SOURCES
from mlm_pretrain.errors import InputError

Reader = Callable[[ReadOptions, Audit], Iterator[Document]]


class Source(NamedTuple):
    """A spec as given, the files it stands for (none for a named source), and their readers."""

    spec: str
    files: list[Path]
    readers: list[Reader]


def read_corpus(
    specs: Sequence[str], options: ReadOptions | None = None, audit: Audit | None = None
) -> Iterator[Document]:
    """Documents of all `specs` in order, read lazily and in bounded memory.

    Args:
        specs: Files (.txt .md .jsonl .json .csv .tsv, each plain, .gz or .zst; .parquet), folders,
            glob patterns, `installed-docs[:LIBRARY,…]`, `hf:NAME[:config][@split]`. A file that
            several specs name is read once.
        options: See `ReadOptions`.
        audit: Filled while the documents are read.

    Raises:
        InputError: at once for a path that is missing or unknown; while reading for text or a row
            that cannot be used, as `path:line`, a damaged file, or a spec without any document.
    """
    options = options or ReadOptions()
    audit = Audit() if audit is None else audit
    return _limited(_filtered(resolve(specs, audit), options, audit), options, audit)


def resolve(specs: Sequence[str], audit: Audit) -> list[Source]:
    """The readers behind each spec, in order.

    Raises:
        InputError: when there is no spec, or one that names nothing.
    """
    specs = [specs] if isinstance(specs, (str, Path)) else list(specs)
    if not specs:
        raise InputError("no corpus given", "name a file, a folder, or installed-docs")
    seen: set[Path] = set()
    return [_resolve_one(str(spec), seen, audit) for spec in specs]


def _resolve_one(spec: str, seen: set[Path], audit: Audit) -> Source:
    name, _, argument = spec.partition(":")
    if name in NAMED_SOURCES:
        return Source(spec, [], [partial(NAMED_SOURCES[name].read, argument)])
    files = []
    for path in expand(spec, audit):
        if path.resolve() in seen:
            audit.note("skipped_repeated", str(path))
            continue
        seen.add(path.resolve())
        files.append(path)
    return Source(spec, files, [partial(_read_file, path) for path in files])


def _read_file(path: Path, options: ReadOptions, audit: Audit) -> Iterator[Document]:
    audit.counts["files"] += 1
    try:
        yield from FILE_SOURCES[format_of(path) or ""](path, options, audit)
    except CorruptFileError:
        if not options.skip_corrupt:
            raise
        audit.note("corrupt_files", str(path))


def _filtered(sources: list[Source], options: ReadOptions, audit: Audit) -> Iterator[Document]:
    filters = build_filters(options)
    for source in sources:
        found = 0
        before = audit.counts.copy()
        for reader in source.readers:
            for document in _with_first_pieces(_cleaned(reader(options, audit), options, audit)):
                reason = next((why for keep, why in (f(document) for f in filters) if not keep), "")
                found += reason != "empty"
                if reason:
                    audit.note(reason, document.id)
                else:
                    yield document
        if not found and source.readers:
            raise _without_documents(source.spec, audit, before)


def _without_documents(spec: str, audit: Audit, before: dict[str, int]) -> InputError:
    new = {name: count - before.get(name, 0) for name, count in sorted(audit.counts.items())}
    counts = ", ".join(f"{name}: {count}" for name, count in new.items() if count)
    return InputError(
        f"0 documents in {spec}" + (f" ({counts})" if counts else ""),
        "check that the file holds text and that text_field and text_unit suit it",
    )


def _cleaned(
    documents: Iterator[Document], options: ReadOptions, audit: Audit
) -> Iterator[Document]:
    """Documents under the encoding rule (escapes and cells included) and within the size limit."""
    limit_bytes = options.max_document_bytes
    for document in documents:
        text = clean_text(document.text, document.id, options, audit)
        if not fits(text, limit_bytes):
            yield from cut([text], document.id, limit_bytes, audit)
        else:
            yield document if text is document.text else Document(text, document.id)


def _with_first_pieces(documents: Iterator[Document]) -> Iterator[Document]:
    """Later pieces of a document with the text of its first, which a filter may leave out."""
    first = ""
    for document in documents:
        if document.is_later_piece:
            yield replace(document, first=first)
        else:
            first = document.text
            yield document


def _limited(
    documents: Iterator[Document], options: ReadOptions, audit: Audit
) -> Iterator[Document]:
    counts = audit.counts
    read_documents = read_bytes = 0
    for document in documents:
        text = document.text
        size = len(text) if text.isascii() else len(text.encode())
        read_documents, read_bytes = read_documents + 1, read_bytes + size
        counts["documents"] += 1
        counts["bytes"] += size
        yield document
        if _reached(read_documents, options.limit_documents) or _reached(
            read_bytes, options.limit_bytes
        ):
            counts["stopped_at_limit"] += 1
            return


def _reached(value: int, limit: int | None) -> bool:
    return limit is not None and value >= limit
