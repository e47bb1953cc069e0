"""Lines of a labelled file of any compression, under the rules by which a corpus is read."""

from __future__ import annotations

from pathlib import Path

from mlm_pretrain.corpus import Audit, ReadOptions
from mlm_pretrain.corpus.decoding import EncodingError
from mlm_pretrain.corpus.lines import read_lines
from mlm_pretrain.corpus.opening import CorruptFileError, ExpansionError
from mlm_pretrain.errors import InputError

# Labelled data is held in memory whole, and rows take several times what their lines do.
LARGEST_BYTES = 2 << 30
_LINE_BYTES = 64  # of a line in memory, beside its characters
# A labelled file has fewer settings than a corpus: other ways out of the same faults.
_WAYS_OUT: dict[type[InputError], str] = {
    CorruptFileError: "fetch the file again",
    ExpansionError: "if the file is what you want, unpack it and name what it holds",
    EncodingError: "convert the file to UTF-8 (iconv -f LATIN1 -t UTF-8, if it is Latin-1)",
}


def labelled_lines(path: Path) -> list[str]:
    """All lines without their ends (LF, CRLF or CR); a byte order mark is removed.

    Raises:
        InputError: when there is no such file, it is damaged, expands or holds too much; as
            "path:line" for invalid UTF-8 and NUL.
    """
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file", "check the path")
        if not path.is_file():
            raise InputError(f"{path}: is not a regular file", "write it to a file first")
        return _bounded(path)
    except tuple(_WAYS_OUT) as error:
        raise InputError(error.problem, _WAYS_OUT[type(error)]) from None
    except OSError as error:  # a name too long, or no right to look
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _bounded(path: Path) -> list[str]:
    lines, size = [], 0
    for line in read_lines(path, ReadOptions(), Audit(), LARGEST_BYTES):
        size += len(line.text) + _LINE_BYTES
        if size > LARGEST_BYTES:
            raise InputError(
                f"{path}: its lines take more than {LARGEST_BYTES / (1 << 30):g} GiB of memory",
                "give a part of it",
            )
        lines.append(line.text)
    return lines
