"""Cut documents that are too long into pieces at whitespace, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.document import Document

_MAX_BYTES_A_CHARACTER = 4


def cut(fragments: Iterable[str], id: str, limit_bytes: int, audit: Audit) -> Iterator[Document]:
    """One document, given as consecutive `fragments`, in pieces of at most `limit_bytes`.

    A piece ends before the last space, tab or line end within the second half of the limit, which
    is dropped; where a word is longer than that, between two characters. Only the first
    `limit_bytes` of what is left decide where, so the pieces do not depend on how the document was
    divided into fragments. At most one fragment and one piece are held in memory.
    """
    piece, rest = 1, bytearray()
    for fragment in fragments:
        rest += fragment.encode()
        start = 0
        while len(rest) - start > limit_bytes:
            end, following = _cut_point(rest, start, limit_bytes)
            yield Document(rest[start:end].decode(), _piece_id(id, piece))
            piece, start = piece + 1, following
        del rest[:start]
    if piece > 1:
        audit.note("cut_documents", id)
    if rest or piece == 1:
        yield Document(rest.decode(), _piece_id(id, piece))


def fits(text: str, limit_bytes: int) -> bool:
    """Whether `text` takes at most `limit_bytes` in UTF-8."""
    if len(text) * _MAX_BYTES_A_CHARACTER <= limit_bytes:
        return True
    return len(text) <= limit_bytes and len(text.encode()) <= limit_bytes


def character_start(data: bytes | bytearray, position: int) -> int:
    """The last position at or before `position` where a UTF-8 character starts."""
    for earlier in range(position, max(position - _MAX_BYTES_A_CHARACTER, 0), -1):
        if data[earlier] & 0xC0 != 0x80:
            return earlier
    return position  # not UTF-8: four continuation bytes in a row


def _piece_id(id: str, piece: int) -> str:
    return id if piece == 1 else f"{id}#{piece}"


def _cut_point(data: bytearray, start: int, limit_bytes: int) -> tuple[int, int]:
    """Where the piece that begins at `start` ends, and where the next one begins."""
    low, high = start + limit_bytes // 2, start + limit_bytes + 1
    space = max(data.rfind(character, low, high) for character in (b" ", b"\n", b"\t"))
    if space >= 0:
        return space, space + 1
    end = character_start(data, start + limit_bytes)
    return end, end
