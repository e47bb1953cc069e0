"""Text, and the ways in which the bytes of a file of it can be wrong, whatever its format."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

WORDS = [
    "the", "value", "of", "a", "list", "naïve", "Straße", "東京", "😀", "e\u0301", "\u200b", "x" * 40,
    "-DOCSTART-", "#", '"quoted"', "a,b", "tab\there", "\\n", "{}", "\u2028", "\x0c", "\u00a0", "²", "\ufeff",
]  # fmt: skip
_CODECS = ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7",
           "cp037", "shift_jis", "gb18030", "koi8-r"]  # fmt: skip
_INVALID = [
    b"\xff", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\xc3", b"\xe6\x9d", b"\xf0\x9f\x98", b"\xc0\x80",
    b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf8\x88\x80\x80\x80", b"\x80" * 9,
]  # fmt: skip
_SIGNS = [b"\x00", b"\r", b"\n", b"\x1a", b"\x1b[2J", b"\x7f", b"\x85", b'"', b"'", b"\\", b"{", b"[",
          b"}", b"]", b",", b"\t", b":", b"\xef\xbb\xbf", b"\xe2\x80\xa8"]  # fmt: skip


def sentence(rng: Random, longest: int = 12) -> str:
    """Some words, most of them plain."""
    words = [rng.choice(WORDS if rng.random() < 0.1 else WORDS[:5]) for _ in range(longest)]
    return " ".join(words[: rng.randint(1, longest)])


def to_bytes(text: str) -> bytes:
    """UTF-8, also of half a surrogate pair, which makes it no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def as_json(value: object) -> str:
    """JSON with or without escapes, as writers differ."""
    return json.dumps(value, ensure_ascii=len(str(value)) % 2 == 0)


def other_encoding(rng: Random, data: bytes) -> bytes:
    """All of it, or some lines, in an encoding that is not UTF-8."""
    codec = rng.choice(_CODECS)
    if rng.random() < 0.7:
        return data.decode("utf-8", "replace").encode(codec, "replace")
    lines = data.split(b"\n")
    for place in rng.sample(range(len(lines)), min(len(lines), rng.randint(1, 3))):
        lines[place] = lines[place].decode("utf-8", "replace").encode(codec, "replace")
    return b"\n".join(lines)


def invalid_sequences(rng: Random, data: bytes) -> bytes:
    """Lone, cut, overlong and surrogate sequences anywhere."""
    return _insert(rng, data, _INVALID, rng.randint(1, 4))


def odd_signs(rng: Random, data: bytes) -> bytes:
    """NUL, marks, line ends, quotes and brackets anywhere."""
    return _insert(rng, data, _SIGNS, rng.randint(1, 6))


def nul(rng: Random, data: bytes) -> bytes:
    """A NUL or a stretch of them, as a disk leaves behind that lost its power."""
    return _insert(rng, data, [b"\x00", b"\x00" * 4096], 1)


def mark(rng: Random, data: bytes) -> bytes:
    """A byte order mark at the start, twice, in between or at the end."""
    sign = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00"])
    return rng.choice([sign + data, sign + sign + data, data + sign, _insert(rng, data, [sign], 2)])


def line_ends(rng: Random, data: bytes) -> bytes:
    """Every line end one of those that are in use, or several."""
    ends = [b"\n", b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\x0b", b"\x85", b"", b"\n\n\n"]
    return b"".join(line + rng.choice(ends) for line in data.split(b"\n"))


def random_bytes(rng: Random, data: bytes) -> bytes:
    """Nothing but noise."""
    return rng.randbytes(rng.choice([1, 7, 100, 5_000, len(data)]))


def cut_off(rng: Random, data: bytes) -> bytes:
    """As a download leaves it that broke off."""
    return data[: rng.randrange(len(data) + 1)]


def empty(rng: Random, data: bytes) -> bytes:
    """Nothing, or nothing but blanks."""
    del data
    return rng.choice(
        [b"", b"\n", b" \n\t\n", b"\r\n" * 50, b"\xef\xbb\xbf", "\u3000\u00a0".encode()]
    )


def mutated(rng: Random, data: bytes) -> bytes:
    """Some stretches left out, doubled, turned round, moved or overwritten."""
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice([1, 1, 2, 5, 40, 400]))
        chunk = data[start:end]
        put = rng.choice([b"", chunk * 2, chunk[::-1], rng.randbytes(len(chunk)), chunk.swapcase()])
        data = data[:start] + put + data[end:]
    return data


def flipped_bits(rng: Random, data: bytes) -> bytes:
    """One bit, or a few."""
    flipped = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 20]) if data else 0):
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def trailing(rng: Random, data: bytes) -> bytes:
    """More than there should be."""
    return data + rng.choice([b"garbage", b"\x00" * 512, rng.randbytes(30), data[: len(data) // 2]])


def long_line(rng: Random, data: bytes) -> bytes:
    """A line of some megabytes, of words or of one word, at a random line's end."""
    unit = rng.choice([b"word ", b"x", "東".encode(), b"\t", b"[", b'"a",', b"O "])
    return _insert(rng, data, [unit * (rng.choice([1, 2, 4]) * 1_000_000 // len(unit))], 1)


def _insert(rng: Random, data: bytes, choices: list[bytes], times: int) -> bytes:
    for _ in range(times):
        place = rng.randrange(len(data) + 1)
        data = data[:place] + rng.choice(choices) + data[place:]
    return data


Damage = Callable[[Random, bytes], bytes]
# What can happen to a text, before it is compressed.
TEXT_DAMAGES: list[Damage] = [
    other_encoding, invalid_sequences, odd_signs, nul, mark, line_ends, random_bytes, cut_off, empty,
    mutated, flipped_bits, trailing,
]  # fmt: skip
# What can happen to a file, whatever it holds.
FILE_DAMAGES: list[Damage] = [cut_off, flipped_bits, trailing, mutated, random_bytes, empty]
