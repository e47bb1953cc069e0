"""CoNLL columns in their dialects: comments, CoNLL-U, blanks inside tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.conll import parse_conll


def parsed(text: str) -> list[tuple[list[str], list[str], list[int]]]:
    return list(parse_conll(Path("a.conll"), text.split("\n")))


@pytest.mark.parametrize(
    "comment",
    [
        "# sent_id = 4", "# text = a cat = O", "# newdoc", "# newdoc id = x", "# newpar",
        "# id 1\tdomain=en", "# id 0a-1f\tdomain=en", "# global.columns = ID FORM", "# text =",
        "# newpar\n# sent_id = 4\n# text = # O",
    ],
)  # fmt: skip
def test_comments_before_a_sentence_are_skipped(comment: str) -> None:
    lines = comment.count("\n") + 2
    expected = [(["a", "b"], ["O", "B-X"], [lines, lines + 1])]
    assert parsed(f"{comment}\na\tO\nb\tB-X\n") == expected
    assert parsed(f"{comment}\na NN O\nb NN B-X\n") == expected


@pytest.mark.parametrize("line", ["# NN B-NP O", "#\tO", "# O", "#newpar O", "#a=b\tO", "#\tid\tO"])
def test_a_token_that_looks_like_a_comment_stays(line: str) -> None:
    token = line.split()[0]
    assert parsed(f"{line}\nb O\n") == [([token, "b"], ["O", "O"], [1, 2])]


def test_inside_a_sentence_every_line_is_a_token() -> None:
    assert parsed("a O\n# text = O\n") == [(["a", "#"], ["O", "O"], [1, 2])]


def test_conll_u_gives_forms_and_parts_of_speech() -> None:
    def row(*columns: str) -> str:
        return "\t".join([*columns, *"_" * (10 - len(columns))])

    text = "\n".join([
        "# sent_id = 1", "# a remark of any kind",
        row("1-2", "zum", "_", "_"), row("1", "zu", "zu", "ADP", "APPR"), row("2", "dem", "der", "DET"),
        row("2.1", "leer", "leer", "NOUN"), row("3", "#", "#", "SYM"), row("4", "1 000", "1 000", "NUM"),
        "", row("1", "Ja", "ja", "INTJ"), "",
    ])  # fmt: skip
    assert parsed(text) == [
        (["zu", "dem", "#", "1 000"], ["ADP", "DET", "SYM", "NUM"], [4, 5, 7, 8]),
        (["Ja"], ["INTJ"], [10]),
    ]
    with pytest.raises(InputError, match=r"a.conll:12: expected CoNLL-U's ten columns, found 2"):
        parsed(f"{text}\nNein\tINTJ\n")
    # Ten columns whose first is a word are not CoNLL-U, nor are four that begin with a number.
    assert parsed(row("Ja", "x", "y", "z")[:-1] + "B-X")[0][:2] == (["Ja"], ["B-X"])
    assert parsed("1\tJa\tO\tB-X\n")[0][:2] == (["1"], ["B-X"])


def test_only_spaces_separate_columns() -> None:
    found = parsed("10\u00a0000  CD  B-NUM\n\u00a0 SP O\n\n\u3000\nx\u2009y\tO\n")
    assert [tokens for tokens, _, _ in found] == [["10\u00a0000", "\u00a0"], ["x\u2009y"]]
    assert found[0][1] == ["B-NUM", "O"]
