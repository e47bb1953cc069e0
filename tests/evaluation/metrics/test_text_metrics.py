"""ROUGE, BLEU and chrF against the libraries called directly, on random and on awkward pairs."""

from __future__ import annotations

import random
import unicodedata

import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.evaluation.metrics.rouge import AnyWords

KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
AWKWARD = [
    ("", "a reference"),
    ("a prediction", ""),
    ("", ""),
    ("   ", "\n\n"),
    ("Größe naïve 東京 e\u0301", "Größe naive 東京 é"),
    ("🙂 🙃 \u200d", "🙂"),
    ("...!?", "?!..."),
    ("one line\nanother line", "another line\none line"),
    ("the " * 600, "the " * 500 + "end"),
    ("x" * 20000, "x" * 20000),
]


def random_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """A reference, and a prediction that drops, doubles and swaps some of its words."""
    generator = random.Random(seed)
    words = [
        "running",
        "runs",
        "The",
        "cat",
        "3.5",
        "don't",
        "U.S.",
        "größer",
        "über",
        "東京",
        "—",
        "it.",
    ]
    pairs = []
    for _ in range(count):
        reference = generator.choices(words, k=generator.randint(1, 30))
        prediction = [w for w in reference for _ in range(generator.choice([0, 1, 1, 1, 2]))]
        if generator.random() < 0.5:
            generator.shuffle(prediction)
        joint = generator.choice([" ", "\n"])
        pairs.append((joint.join(prediction), " ".join(reference)))
    return pairs


PAIRS = [*random_pairs(190, 0), *AWKWARD]
PREDICTIONS, REFERENCES = [p for p, _ in PAIRS], [r for _, r in PAIRS]


def compute(name: str, predictions: list[str], references: list[str], **settings: str) -> dict:
    return load_metric(name).compute(predictions=predictions, references=references, **settings)


def test_rouge_is_the_mean_of_the_scorers_f1() -> None:
    scorer = RougeScorer(KINDS, use_stemmer=True)
    each = [scorer.score(r, p) for p, r in PAIRS]
    found = compute("rouge", PREDICTIONS, REFERENCES)
    for kind in KINDS:
        mean = sum(scores[kind].fmeasure for scores in each) / len(PAIRS)
        assert found[kind] == pytest.approx(mean, abs=1e-12)
        assert 0.3 < found[kind] < 0.99
    # Lines in another order are nothing to Lsum, and something to L.
    swapped = compute("rouge", ["one line\nanother line"], ["another line\none line"])
    assert swapped["rougeLsum"] == 1.0 > swapped["rougeL"]
    assert "porter" in found["rouge_signature"] and "0.1.2" in found["rouge_signature"]


@pytest.mark.parametrize("tokenizer", ["13a", "intl", "zh", "char", "none"])
def test_bleu_and_chrf_are_the_corpus_scores(tokenizer: str) -> None:
    bleu = sacrebleu.metrics.BLEU(tokenize=tokenizer, force=True)
    expected = bleu.corpus_score(PREDICTIONS, [REFERENCES]).score / 100
    found = compute("bleu", PREDICTIONS, REFERENCES, tokenizer=tokenizer)
    assert found["bleu"] == pytest.approx(expected, abs=1e-12) and 0.05 < expected < 0.99
    assert found["bleu_signature"] == str(bleu.get_signature())
    assert f"tok:{tokenizer}" in found["bleu_signature"]
    chrf = sacrebleu.metrics.CHRF()
    expected = chrf.corpus_score(PREDICTIONS, [REFERENCES]).score / 100
    found = compute("chrf", PREDICTIONS, REFERENCES)
    assert found["chrf"] == pytest.approx(expected, abs=1e-12) and 0.05 < expected < 0.99
    assert found["chrf_signature"] == str(chrf.get_signature())


def test_bleu_of_a_corpus_is_not_the_mean_of_its_sentences() -> None:
    predictions = ["the cat sat on the mat today", "no word of it is right here"]
    references = ["the cat sat on the mat today", "something else altogether , a longer sentence"]
    whole = compute("bleu", predictions, references)["bleu"]
    alone = [
        compute("bleu", [p], [r])["bleu"] for p, r in zip(predictions, references, strict=True)
    ]
    assert alone == [1.0, 0.0]
    # 7 of 14 words, 6 of 12 pairs, 5 of 10, 4 of 8: one half, times the penalty for 14 of 14.
    assert whole == pytest.approx(0.5)
    assert whole == pytest.approx(sacrebleu.corpus_bleu(predictions, [references]).score / 100)


def test_perfect_scores_are_one_and_no_more() -> None:
    texts = ["the cat sat on the mat", "größe und länge , viel länger"]
    for name in ("bleu", "chrf", "rouge"):
        scores = [v for v in compute(name, texts, texts).values() if isinstance(v, float)]
        assert scores and all(score == pytest.approx(1.0) and score <= 1.0 for score in scores)


def test_words_of_other_scripts_count_when_asked_for() -> None:
    texts, others = (
        ["東京は大きい", "Größe über alles", "Москва город"],
        ["東京は小さい", "größe", "москва"],
    )
    published = compute("rouge", texts, others)
    # Of the German words a-z leaves "gr", "e", "ber" and "alles"; of the others nothing.
    assert published["rouge1"] == pytest.approx((0 + 2 * (2 / 4) * 1 / (2 / 4 + 1) + 0) / 3)
    found = compute("rouge", texts, others, words="any")
    # 4 of 6 signs on both sides; 1 of 3 words and 1 of 1; 1 of 2 and 1 of 1.
    expected = (4 / 6 + 2 * (1 / 3) / (1 / 3 + 1) + 2 * (1 / 2) / (1 / 2 + 1)) / 3
    assert found["rouge1"] == pytest.approx(expected)
    assert published["rouge_signature"] != found["rouge_signature"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("यह हिन्दी है।", ["यह", "हिन्दी", "है"]), ("আমি বাংলায় গাই", ["আমি", "বাংলায়", "গাই"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]), ("كِتَابٌ جَدِيدٌ", ["كِتَابٌ", "جَدِيدٌ"]), ("ที่นี่", ["ที่", "นี่"]),
        ("Cafe\u0301s_naïve", ["cafés", "naïve"]), ("東京は、", ["東", "京", "は"]),
        ("می\u200cروم", ["می\u200cروم"]),
    ],
)  # fmt: skip
def test_marks_belong_to_their_words(text: str, words: list[str]) -> None:
    assert AnyWords().tokenize(text) == [unicodedata.normalize("NFC", word) for word in words]


def test_words_of_english_are_those_of_any_script() -> None:
    # Without stems, and where a-z and 0-9 are all there is, both take the same words.
    plain = RougeScorer(KINDS, use_stemmer=False)
    for prediction, reference in PAIRS:
        if not (prediction + reference).isascii():
            continue
        expected = plain.score(reference, prediction)
        found = compute("rouge", [prediction], [reference], words="any")
        for kind in KINDS:
            assert found[kind] == pytest.approx(expected[kind].fmeasure, abs=1e-12)


def test_batches_add_up() -> None:
    metric = load_metric("bleu")
    for first in (0, 100):
        part = slice(first, first + 100)
        metric.add_batch(predictions=PREDICTIONS[part], references=REFERENCES[part])
    assert metric.compute() == compute("bleu", PREDICTIONS, REFERENCES)
