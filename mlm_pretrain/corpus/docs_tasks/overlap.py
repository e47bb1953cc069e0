"""Keep copies of a passage on one side, and evaluation passages out of the pretraining text."""

from __future__ import annotations

from collections.abc import Iterable

from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.sentences import (
    flatten,
    hash_run,
    key,
    ngram_keys,
    normal_words,
    sentence_keys,
    sentences,
)

# A sentence as long as this is a copy when it appears twice; shorter ones are stock phrases.
MIN_SENTENCE_WORDS = 6
# Usual in decontamination: thirteen equal words in a row do not come about by chance.
NGRAM_WORDS = 13


class Sides:
    """Remembers on which side (train, validation, test) each sentence of a passage lies."""

    def __init__(self) -> None:
        self._side_of: dict[int, str] = {}
        self._passages: set[tuple[str, int]] = set()

    def admit(self, task: str, side: str, example: Example) -> str:
        """ "" if the example may join `side`, else the reason why not.

        A passage that the task has already ("repeated_passage") or a sentence that lies on another
        side of any task ("sentence_on_other_side") keeps it out.
        """
        whole = key(normal_words(str(sorted(example.row.items()))))
        passage = key(normal_words(example.passage))
        keys = {passage, *sentence_keys(example.passage, MIN_SENTENCE_WORDS)}
        if (task, whole) in self._passages:
            return "repeated_passage"
        if any(self._side_of.get(k, side) != side for k in keys):
            return "sentence_on_other_side"
        self._passages.add((task, whole))
        self._side_of.update(dict.fromkeys(keys, side))
        return ""


class EvaluationText:
    """Recognises documents that contain text of the evaluation passages."""

    def __init__(self, passages: Iterable[str]) -> None:
        self._sentences: set[int] = set()
        self._runs: set[int] = set()
        for passage in passages:
            self._sentences |= sentence_keys(passage, MIN_SENTENCE_WORDS)
            self._runs.update(ngram_keys(passage, NGRAM_WORDS))

    def reason(self, text: str) -> str:
        """ "" for a document without evaluation text, else what it shares."""
        words: list[str] = []
        for sentence in sentences(flatten(text)):
            sentence_words = normal_words(sentence)
            if len(sentence_words) >= MIN_SENTENCE_WORDS and key(sentence_words) in self._sentences:
                return "holds_evaluation_sentence"
            words += sentence_words
        runs = (hash_run(words[i : i + NGRAM_WORDS]) for i in range(len(words) - NGRAM_WORDS + 1))
        return "holds_evaluation_run" if any(run in self._runs for run in runs) else ""
