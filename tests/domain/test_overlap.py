"""Held-out text in a corpus: planted as files write it, found, taken out, and nothing else with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted import cleaned, task_of

from mlm_pretrain.compare import LabelledTask, parse_task
from mlm_pretrain.corpus import ReadOptions, read_corpus
from mlm_pretrain.domain.overlap import (
    HeldOutText,
    Overlap,
    TextIndex,
    held_out_texts,
    without_overlap,
)
from mlm_pretrain.domain.overlap.letters import words_of
from mlm_pretrain.domain.overlap.rules import STOCK_PLACES

SENTENCE = "The patient didn't tolerate low-dose naïve-cell therapy (5 mg/kg) in the first week."
TOKENS = (
    "The patient did n't tolerate low - dose naïve - cell therapy ( 5mg / kg ) in the first week ."
)
BEFORE = "Nothing here is known to any task at all. It goes on for a while, as text does.\n"
AFTER = "And then (see Fig. 2) the story ends. No more was said of it."
LONG = BEFORE + BEFORE + AFTER


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("sentiment", {"text": SENTENCE, "label": "a"}),
        ("sentiment", {"text": "short", "text_pair": SENTENCE, "label": -1}),
        ("multilabel", {"text": SENTENCE}),
        ("regression", {"text": SENTENCE, "label": 0.5}),
        ("cloze", {"text": SENTENCE, "label": "a"}),
        (
            "ner",
            {"tokens": TOKENS.split()},
        ),
        (
            "qa",
            {"context": f"A context of two. {SENTENCE}", "question": "What did the patient do?"},
        ),
        ("qa", {"context": "A context of another kind.", "question": SENTENCE}),
        ("summarization", {"article": SENTENCE, "summary": "It went wrong."}),
        ("translation", {"source": "Es ging schief.", "target": SENTENCE}),
    ],
)
@pytest.mark.parametrize(
    "planted",
    [
        SENTENCE,
        SENTENCE.upper(),
        SENTENCE.replace("'", "’").replace("-", " - ").replace(" (", ", "),
        SENTENCE.replace(" tolerate ", "\ntolerate\n").replace("therapy", "ther-\napy"),
        SENTENCE.replace("ï", "i\u0308"),
    ],
    ids=["as it is", "case", "signs", "wrapped", "accents"],
)
def test_text_of_every_kind_of_task_is_found_however_it_is_written(
    tmp_path: Path, kind: str, row: dict[str, Any], planted: str
) -> None:
    task = task_of(tmp_path, kind, [row])
    texts = [f"{BEFORE}{planted} {AFTER}", BEFORE + AFTER, f"{BEFORE}First. {planted}\n\n{AFTER}"]
    left, record = cleaned(task, texts)
    assert left == [BEFORE + AFTER, BEFORE + AFTER, f"{BEFORE}First.\n\n{AFTER}"]
    assert record["corpus"]["documents_with_overlap"] == record["corpus"]["passages_removed"] == 2
    assert sum(record["places"].values()) == 2
    assert record["texts"]["validation"]["found"] == 1
    removed = sum(len(text.encode()) for text in texts) - sum(len(t.encode()) for t in left)
    assert record["corpus"]["bytes_removed"] == removed
    (examples,) = record["examples"].values()
    assert examples[0]["corpus"] == "corpus:0"
    assert examples[0]["row"].endswith("validation.jsonl:1")


def test_sentence_that_was_wrapped_over_documents_is_found(tmp_path: Path) -> None:
    """A plain file has a document a line; what precedes and follows stays, letter by letter."""
    task = task_of(tmp_path, "sentiment", [{"text": SENTENCE, "label": "a"}])
    words = SENTENCE.split()
    lines = [
        BEFORE.strip(),
        " ".join(words[:5]),
        "",
        " ".join(words[5:]),
        "What is on the next line?",
    ]
    path = tmp_path / "wrapped.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    overlap = Overlap(TextIndex(held_out_texts(task)))
    left = [
        text
        for _, text in without_overlap(lambda: read_corpus([str(path)], ReadOptions()), overlap)
    ]
    assert left == [BEFORE.strip(), "", "", "What is on the next line?"]
    assert overlap.as_dict()["corpus"]["documents_removed"] == 2


def test_borders_of_blocks_hide_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """Whatever is looked at together, the same is taken out: documents of a few words, blocks of some."""
    from mlm_pretrain.domain.overlap import scanning

    task = task_of(tmp_path, "sentiment", [{"text": f"{SENTENCE} {AFTER}", "label": "a"}])
    words = f"{BEFORE} {SENTENCE} {AFTER} {BEFORE} {SENTENCE}".split()
    texts = [" ".join(words[i : i + 3]) for i in range(0, len(words), 3)]
    expected = cleaned(task, texts)
    assert expected[1]["corpus"]["documents_with_overlap"] > 8
    for characters in (1, 20, 100, 333):
        monkeypatch.setattr(scanning, "_BLOCK_CHARACTERS", characters)
        found = cleaned(task, texts)
        assert found[0] == expected[0]
        assert {**found[1], "examples": []} == {**expected[1], "examples": []}


def test_one_copy_over_many_documents_is_one_place(tmp_path: Path, monkeypatch: Any) -> None:
    """A file of wrapped lines has a document a line: more of them than the places of a stock phrase."""
    from mlm_pretrain.domain.overlap import scanning

    words = [f"wonderful{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(400)]
    task = task_of(tmp_path, "sentiment", [{"text": " ".join(words), "label": "a"}])
    copy = [" ".join(words[n : n + 12]) for n in range(100, 280, 12)]
    assert len(copy) > STOCK_PLACES
    for characters in (1 << 18, 1, 100, 1000):
        monkeypatch.setattr(scanning, "_BLOCK_CHARACTERS", characters)
        left, record = cleaned(task, [BEFORE, *copy, AFTER])
        assert left == [BEFORE, *[""] * len(copy), AFTER]
        assert sum(record["places"].values()) == 1
        assert record["stock_phrases"] == 0
        assert record["texts"]["validation"]["found"] == 1


@pytest.mark.parametrize("characters", [1 << 18, 1, 50, 200])
def test_copies_of_a_phrase_over_two_documents_are_counted_one_by_one(
    tmp_path: Path, monkeypatch: Any, characters: int
) -> None:
    from mlm_pretrain.domain.overlap import scanning

    monkeypatch.setattr(scanning, "_BLOCK_CHARACTERS", characters)
    one, other = "shall be governed by and construed", "in accordance with the laws of the State"
    rest = " ".join(f"other{n}" for n in range(40))
    task = task_of(tmp_path, "sentiment", [{"text": f"This {one} {other} of Utah {rest}."}])
    texts: list[str] = []
    for copies in range(1, STOCK_PLACES + 2):
        texts += [f"Contract {copies} {one}", "", f"{other} of Maine. {LONG}"]
        left, record = cleaned(task, texts)
        is_stock = copies > STOCK_PLACES
        assert (left == texts) == is_stock
        assert record["places"]["run"] == (0 if is_stock else copies)
        assert record["stock_phrases"] == (copies if is_stock else 0)


def test_short_texts_count_only_where_they_stand_alone(tmp_path: Path) -> None:
    rows = [{"text": "Who was the last king ?", "label": "a"}, {"text": "Why ?", "label": "b"}]
    task = task_of(tmp_path, "sentiment", rows)
    inside = "They asked him: who was the last king? He did not know. Why? Nobody said."
    left, record = cleaned(task, [inside, "A list of questions\n  who was the LAST king?\nWhy?\n"])
    assert left == [inside, "A list of questions\nWhy?\n"]
    assert record["places"]["whole_line"] == 1
    assert record["texts"]["validation"] == {
        "texts": 2,
        "looked_for_on_lines_of_their_own": 1,
        "too_short_to_look_for": 1,
        "found": 1,
    }


def test_twelve_words_in_a_row_stay_and_thirteen_go(tmp_path: Path) -> None:
    words = [f"wonderful{chr(97 + n)}" for n in range(20)]
    task = task_of(tmp_path, "sentiment", [{"text": " ".join(words), "label": "a"}])
    for count in (12, 13):
        text = f"{BEFORE}Something {' '.join(words[4 : 4 + count])} else. {LONG}"
        left, record = cleaned(task, [text])
        assert left == [text if count == 12 else BEFORE + LONG]
        assert record["places"]["run"] == (count == 13)


def test_sentence_of_a_longer_text_goes(tmp_path: Path) -> None:
    held = f"One sentence that has nine words in it. {SENTENCE} The last one of these three here."
    task = task_of(tmp_path, "qa", [{"context": held, "question": "Which one is it?"}])
    text = f"{AFTER} One sentence that has nine words in it. {BEFORE}"
    left, record = cleaned(task, [text])
    assert left == [f"{AFTER} {BEFORE}"]
    assert record["places"]["whole_sentence"] == 1


def test_phrases_that_stand_in_many_places_stay(tmp_path: Path) -> None:
    phrase = "shall be governed by and construed in accordance with the laws of the State"
    rest = " ".join(f"other{n}" for n in range(40))
    task = task_of(
        tmp_path, "sentiment", [{"text": f"This {phrase} of Utah {rest}.", "label": "a"}]
    )
    texts = [f"Contract {n} {phrase} of Maine. {LONG}" for n in range(STOCK_PLACES)]
    assert cleaned(task, texts)[1]["places"]["run"] == STOCK_PLACES
    texts.append(texts[0])
    left, record = cleaned(task, texts)
    assert left == texts
    assert record["stock_phrases"] == len(texts)
    assert record["texts"]["validation"]["found"] == 0
    # More than half of a text is no phrase, however often it is there.
    task = task_of(tmp_path, "sentiment", [{"text": f"This {phrase} of Utah.", "label": "a"}])
    assert cleaned(task, texts)[0] == [LONG] * len(texts)


def test_document_that_is_mostly_held_out_text_goes_whole(tmp_path: Path) -> None:
    task = task_of(tmp_path, "sentiment", [{"text": f"{SENTENCE} {AFTER}", "label": "a"}])
    left, record = cleaned(task, [f"My notes.\n{SENTENCE} {AFTER}\nThe end.", BEFORE])
    assert left == ["", BEFORE]
    assert record["corpus"]["documents_removed"] == 1


def test_shorter_text_inside_a_longer_one_is_found_by_itself(tmp_path: Path) -> None:
    rows = [
        {"text": f"At first, {SENTENCE} Then not.", "label": "a"},
        {"text": "naïve-cell therapy (5 mg/kg) in the first week", "label": "b"},
    ]
    text = f"{BEFORE}We tried naive cell therapy, 5 mg/kg, in the first week. {AFTER}"
    left, record = cleaned(task_of(tmp_path, "sentiment", rows), [text])
    assert record["texts"]["validation"]["found"] == 1
    assert left[0].startswith(BEFORE)
    assert "naive" not in left[0]


def test_chinese_is_found_without_words(tmp_path: Path) -> None:
    around = "今天天气很好。明天也会很好。我们去公园散步吧！"
    held = "这位病人在第一周没有耐受低剂量的细胞治疗所以医生停止了用药。"
    task = task_of(tmp_path, "sentiment", [{"text": held, "label": "a"}])
    left, _ = cleaned(task, [f"{around}{held}{around}"])
    assert left == [around + around]


HINDI = "रोगी ने पहले सप्ताह में कम मात्रा वाली कोशिका चिकित्सा को सहन नहीं किया।"
BENGALI = "রোগী প্রথম সপ্তাহে কম মাত্রার কোষ চিকিৎসা একেবারেই সহ্য করতে পারেননি।"
TAMIL = "நோயாளி முதல் வாரத்தில் குறைந்த அளவு செல் சிகிச்சையை சிறிதும் தாங்க முடியவில்லை."
URDU = "مریض نے پہلے ہفتے میں کم مقدار والی خلیاتی تھراپی کو برداشت نہیں کیا۔"


@pytest.mark.parametrize("held", [HINDI, BENGALI, TAMIL, URDU])
def test_sentences_with_vowel_signs_go_alone(tmp_path: Path, held: str) -> None:
    before, after = {
        HINDI: ("यह एक और वाक्य है।", "इसके बाद कुछ नहीं कहा गया।"),
        BENGALI: ("এটি আরেকটি বাক্য।", "এর পরে আর কিছু বলা হয়নি।"),
        TAMIL: ("இது வேறு ஒரு வாக்கியம்.", "அதன் பிறகு எதுவும் இல்லை."),
        URDU: ("یہ ایک اور جملہ ہے۔", "کیا اس کے بعد کچھ ہوا؟"),
    }[held]
    task = task_of(tmp_path, "sentiment", [{"text": held, "label": "a"}])
    left, record = cleaned(task, [f"{before} {after} {held} {after} {before} {before}"])
    assert left == [f"{before} {after} {after} {before} {before}"]
    assert record["places"]["whole_text"] == 1


def test_real_corpus_without_test_sentences_and_with_training_sentences(test_data: Path) -> None:
    """bc5cdr's training sentences are part of biomed_text, of its test sentences only three titles' worth."""
    files = parse_task(f"ner:{test_data / 'bc5cdr'}").settings
    corpus = str(test_data / "biomed_text" / "corpus" / "train.jsonl.gz")
    documents = list(read_corpus([corpus]))[3750:4150]
    lettered = "".join("".join(words_of(document.text)) for document in documents)

    def found(file: str) -> tuple[list[str], list[HeldOutText], Overlap]:
        texts = held_out_texts(LabelledTask("bc5cdr", "ner", {"train": "", "validation": file}))
        overlap = Overlap(TextIndex(texts))
        left = [text for _, text in without_overlap(lambda: documents, overlap)]
        return left, texts, overlap

    left, _, overlap = found(files["test"])
    assert len(overlap.found) <= 3
    assert overlap.counts["bytes_removed"] < 1000
    left, texts, overlap = found(files["train"])
    inside = [n for n, way in enumerate(overlap.index.ways) if way == "inside"]
    there = [n for n in inside if "".join(words_of(texts[n].text)) in lettered]
    assert len(there) > 3500
    assert overlap.found >= set(there)
    rest = "".join("".join(words_of(text)) for text in left)
    assert not [n for n in inside if "".join(words_of(texts[n].text)) in rest]
