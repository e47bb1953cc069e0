"""Broken corpora: one function a kind, each a case made of a random generator."""

from __future__ import annotations

import csv
import io
from functools import partial
from random import Random
from typing import Any

from benchmarks.broken_archives import (
    COMPRESSORS,
    bomb,
    other_archive,
    strange_gzip,
    strange_zstd,
)
from benchmarks.broken_bytes import (
    FILE_DAMAGES,
    TEXT_DAMAGES,
    Damage,
    as_json,
    flipped_bits,
    long_line,
    mutated,
    sentence,
    to_bytes,
)
from benchmarks.broken_case import Case, Maker
from benchmarks.broken_parquet import parquet, parquet_bomb, strange_parquet
from benchmarks.broken_values import odd_json, odd_value

TEXT_SUFFIXES = [".txt", ".md", ".jsonl", ".json", ".csv", ".tsv"]
_ODD_RECORDS: list[list[Any]] = [
    [], ["one"], ["a"] * 5_000, ["", ""], ['"', 'x"y'], [1, "x\r\ny"], ["\x00", "\ud800"],
]  # fmt: skip
_ODD_HEADERS: list[list[Any]] = [["text", "text"], [], ["text"], ["", "", "text"], ["Text", "id"]]
_ENDS = [b"", b'2,"never closed\nmore\n', b'3,"x"y\n', b";" * 50, b'"\n']
_SUFFIXES = [*TEXT_SUFFIXES, ".parquet", ".txt.gz", ".csv.zst", ".parquet.gz", ".pdf", ""]
_STEMS = [
    "a",
    "a b",
    "a\nb",
    "[ab]",
    "*",
    "~",
    "-x",
    "a:b",
    "hf",
    "é",
    "a" * 200,
    "\udcff",
    "%s",
    "a.tsv",
]
_OTHERS = [
    "f/b.txt",
    "f/c.md.gz",
    "f/d.tar.gz",
    "f/.hidden.txt",
    "f/e/f.csv",
    "f/g.zip",
    "f/h.txt.zst",
]
_LINKS = [("f/loop", "."), ("f/loop2", "."), ("f/out", "/etc"), ("f/out.txt", "/etc/passwd"),
          ("f/gone.txt", "nowhere"), ("f/self.txt", "self.txt")]  # fmt: skip
# 64 MB, from where on bombs are seen, are a million documents of the shortest size: slow, and no fault.
_LONG = {"max_document_bytes": 1 << 20}
_SPECS = [
    "", "~nobody/a.txt", "a\x00b", "a" * 5_000, "nowhere.txt", "nowhere/*", "\udcff", "a.txt/b.txt", "a.txt/",
    "installed-docs:no_such", "[", "/proc/self/mem", "/dev/null", "/dev",
]  # fmt: skip


def texts(rng: Random) -> list[str]:
    """A few documents."""
    return [sentence(rng) for _ in range(rng.randint(1, 8))]


def sound(rng: Random, suffix: str) -> bytes:
    """A file without faults."""
    if suffix == ".parquet":
        return parquet(rng, texts(rng))
    if suffix in (".jsonl", ".json"):
        rows = [as_json({"id": n, "text": text}) for n, text in enumerate(texts(rng))]
        return to_bytes("\n".join(rows))
    if suffix in (".csv", ".tsv"):
        return table([["id", "text"], *([n, text] for n, text in enumerate(texts(rng)))], suffix)
    return to_bytes("\n".join(texts(rng)))


def table(rows: list[list[Any]], suffix: str) -> bytes:
    """Rows as .csv or .tsv."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter="\t" if suffix == ".tsv" else ",").writerows(rows)
    return to_bytes(buffer.getvalue())


def options(rng: Random) -> dict[str, Any]:
    """Settings of the reader: the defaults in half of the cases."""
    if rng.random() < 0.5:
        return {}
    return {
        "text_unit": rng.choice(["line", "paragraph", "file"]),
        "errors": rng.choice(["strict", "replace"]),
        "max_bad_rows": rng.choice([0, 1, 1_000]),
        "skip_corrupt": rng.random() < 0.5,
        "max_document_bytes": rng.choice([64, 1_000, 1 << 20]),
        "max_row_bytes": rng.choice([64, 5_000, 64 << 20]),
        "drop_duplicates": rng.random() < 0.3,
        "limit_documents": rng.choice([None, None, 1]),
        "text_field": rng.choice(["text", "text", "text", "id"]),
    }


def _sound(rng: Random) -> Case:
    """Without a fault, and so with no right to an error."""
    kinds = [(suffix, compression) for suffix in TEXT_SUFFIXES for compression in COMPRESSORS]
    suffix, compression = rng.choice([*kinds, (".parquet", ""), (".parquet", "")])
    return Case({f"a{suffix}{compression}": COMPRESSORS[compression](sound(rng, suffix))})


def _text(damage: Damage, rng: Random) -> Case:
    suffix, compression = rng.choice(TEXT_SUFFIXES), rng.choice(["", "", ".gz", ".zst"])
    content = COMPRESSORS[compression](damage(rng, sound(rng, suffix)))
    return Case({f"a{suffix}{compression}": content}, options(rng))


def _file(damage: Damage, rng: Random) -> Case:
    suffix, compression = rng.choice([(s, c) for s in TEXT_SUFFIXES for c in (".gz", ".zst")])
    if rng.random() < 0.4:
        suffix, compression = ".parquet", ""
    content = COMPRESSORS[compression](sound(rng, suffix))
    return Case({f"a{suffix}{compression}": damage(rng, content)}, options(rng))


def _json_rows(rng: Random) -> Case:
    rows = [as_json({"text": text}) for text in texts(rng)]
    for _ in range(rng.randint(1, 3)):
        rows.insert(rng.randrange(len(rows) + 1), odd_json(rng, "text"))
    return Case({f"a{rng.choice(['.jsonl', '.json'])}": to_bytes("\n".join(rows))}, options(rng))


def _json_values(rng: Random) -> Case:
    rows = [as_json({"text": odd_value(rng)}) for _ in range(rng.randint(1, 4))]
    content = to_bytes("\n".join([*rows, as_json({"text": "sound"})]))
    return Case({"a.jsonl": content}, options(rng))


def _csv(rng: Random) -> Case:
    """Rows of other lengths, odd headers, stray quotes, another delimiter."""
    suffix = rng.choice([".csv", ".tsv", ".CSV", ".csv.gz"])
    rows: list[list[Any]] = [["id", "text"], *([n, text] for n, text in enumerate(texts(rng)))]
    rows.insert(rng.choice([0, 1, len(rows)]), rng.choice(_ODD_RECORDS))
    if rng.random() < 0.3:
        rows[0] = rng.choice([*_ODD_HEADERS, [sentence(rng, 400)]])
    content = table(rows, suffix).replace(b'""', rng.choice([b'""', b'"', b""])) + rng.choice(_ENDS)
    return Case({f"a{suffix}": COMPRESSORS[suffix[4:]](content)}, options(rng))


def _archive(make: Damage, rng: Random) -> Case:
    suffix = rng.choice(TEXT_SUFFIXES)
    own = ".gz" if make is strange_gzip else ".zst"
    if make is other_archive:
        own = rng.choice([".gz", ".zst", "", ".tar", ".tar.gz", ".zip", ".tgz", ".bz2", ".tar.zst"])
    return Case({f"a{suffix}{own}": make(rng, sound(rng, suffix))}, options(rng))


def _parquet(rng: Random) -> Case:
    return Case({"a.parquet": strange_parquet(rng, texts(rng))}, options(rng))


def _parquet_footer(rng: Random) -> Case:
    """A sound file whose description of itself is damaged: types, places, sizes and names."""
    content = sound(rng, ".parquet")
    start = max(0, len(content) - rng.choice([40, 400, 4_000]))
    damage = rng.choice([flipped_bits, mutated])
    return Case({"a.parquet": content[:start] + damage(rng, content[start:])}, options(rng))


def _bomb(rng: Random) -> Case:
    suffix, compression = rng.choice(TEXT_SUFFIXES), rng.choice([".gz", ".zst"])
    return Case({f"a{suffix}{compression}": bomb(rng, compression)}, options(rng) | _LONG)


def _parquet_bomb(rng: Random) -> Case:
    return Case({"a.parquet": parquet_bomb(rng)}, options(rng) | _LONG)


def _name(rng: Random) -> Case:
    """A file that holds another format than its name says, or has a name that nobody expects."""
    content = sound(rng, rng.choice([*TEXT_SUFFIXES, ".parquet"]))
    return Case({f"{rng.choice(_STEMS)}{rng.choice(_SUFFIXES)}": content}, options(rng))


def _folder(rng: Random) -> Case:
    """Sound and broken files in one folder, with links that loop, lead out or nowhere."""
    files = {"f/a.jsonl": rng.choice(TEXT_DAMAGES)(rng, sound(rng, ".jsonl"))}
    files |= {name: sound(rng, ".txt") for name in rng.sample(_OTHERS, 3)}
    links = dict(rng.sample(_LINKS, 3))
    return Case(
        files,
        options(rng),
        links,
        rng.choice(["f", "f/*", "f/**/*.txt", "f/a.jsonl", "f/[", "f/.."]),
    )


def _spec(rng: Random) -> Case:
    """What a slip of the hand names."""
    return Case({"a.txt": b"some text\n"}, options(rng), {}, rng.choice(_SPECS))


def _named(makers: list[tuple[str, Maker]]) -> dict[str, Maker]:
    return {f"corpus: {name.replace('_', ' ')}": make for name, make in makers}


KINDS: dict[str, Maker] = _named([
    *((damage.__name__, partial(_text, damage)) for damage in [*TEXT_DAMAGES, long_line]),
    *((f"file {damage.__name__}", partial(_file, damage)) for damage in FILE_DAMAGES),
    *((make.__name__, partial(_archive, make)) for make in (strange_gzip, strange_zstd, other_archive)),
    ("strange parquet", _parquet), ("parquet footer", _parquet_footer),
    ("sound", _sound), ("json rows", _json_rows), ("json values", _json_values), ("csv", _csv),
    ("bomb", _bomb), ("parquet bomb", _parquet_bomb), ("names", _name), ("folders", _folder),
    ("specs", _spec),
])  # fmt: skip
