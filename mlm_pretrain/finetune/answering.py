"""Answers to questions as spans of a context, with or without unanswerable questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.metrics import load_metric
from mlm_pretrain.finetune.answer_analysis import analyse_answers
from mlm_pretrain.finetune.batching import NOWHERE, Feature, inputs_of
from mlm_pretrain.finetune.questions import QuestionExample, read_questions
from mlm_pretrain.finetune.spans import Span, answer_tokens, best_spans, trimmed
from mlm_pretrain.finetune.task import Task
from mlm_pretrain.finetune.unused import OF_WINDOWS
from mlm_pretrain.finetune.windows import in_windows, shortened

_CONTEXT = 1  # the second sequence of a pair
_N_BEST_WRITTEN = 5
_CHUNK = 1000  # questions tokenised at once: the tokenizer's own output takes 20 times a feature's


class Answering(Task[QuestionExample]):
    """The first and last token of the answer, as in SQuAD 1.1 and 2.0.

    A context longer than the model is cut into windows that share `stride` tokens. A window
    without the answer is taught the first token instead ([CLS]): "not here". When training has
    unanswerable questions, that token's score in its least sure window competes with the best
    answer; else there is always an answer. Source: Devlin et al. 2018, "BERT", section 4.2–4.3.
    """

    auto_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    unused: ClassVar[Mapping[str, str]] = OF_WINDOWS

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("f1", "exact_match")

    def read(self, spec: str, split: str) -> list[QuestionExample]:
        return read_questions(spec, split, self.config, self.counts)

    def learn(self, train: Sequence[QuestionExample]) -> None:
        if not any(example.answers for example in train):
            raise InputError(
                f"{self.config.train}: no question has an answer", "give answers to learn from"
            )
        self.labels = ["start", "end"]
        self.may_be_silent = any(not example.answers for example in train)

    def check(self, examples: Sequence[QuestionExample], spec: str) -> None:
        silent = sum(not example.answers for example in examples)
        if silent and not self.may_be_silent:
            raise InputError(
                f"{spec}: {silent} of {len(examples)} questions have no answer, but in "
                f"{self.config.train} all have one, so the model cannot learn to say so",
                "add unanswerable questions to training, or remove them here",
            )

    def encode(
        self,
        examples: Sequence[QuestionExample],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        features: list[Feature] = []
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            rows = self._windows(chunk, tokenizer, max_length)
            for row, number in enumerate(rows["overflow_to_sample_mapping"]):
                places = _places(rows, row, chunk[number].context)
                inputs = inputs_of(rows, row, names)
                null = _null_token(inputs["input_ids"], tokenizer.cls_token_id)
                labels, allowed = _targets(places, chunk[number], null)
                kept = None if training else places
                features.append(Feature(inputs, labels, first + number, allowed, kept))
        return features

    def _windows(self, examples: Sequence[QuestionExample], tokenizer: Any, max_length: int) -> Any:
        limit = max_length // 2  # the context needs room too
        questions, cut = shortened([e.question for e in examples], tokenizer, limit)
        self.counts["cut_questions"] += cut
        room = max_length - limit - tokenizer.num_special_tokens_to_add(pair=True)
        return in_windows(
            questions, [example.context for example in examples], tokenizer, max_length,
            self.stride(max_length, room), return_offsets_mapping=True,
        )  # fmt: skip

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return logits[:, : len(feature)].numpy().astype(np.float32)

    def decode(
        self,
        examples: Sequence[QuestionExample],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        spans: list[list[Span]] = [[] for _ in examples]
        silence = [np.inf] * len(examples)
        for feature, logits in zip(features, outputs, strict=True):
            assert feature.places is not None
            spans[feature.example] += best_spans(
                logits, feature.places, self.config.n_best, self.config.max_answer_length
            )
            null = float(logits[:, _null(feature)].sum())
            silence[feature.example] = min(silence[feature.example], null)
        paragraphs = {text: n for n, text in enumerate(dict.fromkeys(e.context for e in examples))}
        return [
            {**self._row(example, found, null), "paragraph": paragraphs[example.context]}
            for example, found, null in zip(examples, spans, silence, strict=True)
        ]

    def _row(self, example: QuestionExample, spans: list[Span], null: float) -> dict[str, Any]:
        choices: dict[str, float] = {}
        for span in sorted(spans, key=lambda span: -span.score)[: self.config.n_best]:
            choices.setdefault(example.context[span.start : span.end], span.score)
        best = max(choices.values(), default=-np.inf)
        if self.may_be_silent or not choices:
            choices[""] = null
        ranked = sorted(choices.items(), key=lambda item: -item[1])
        weights = np.exp([score - ranked[0][1] for _, score in ranked])
        n_best = [
            {"text": text, "score": round(float(score), 4), "probability": round(float(share), 6)}
            for (text, score), share in zip(ranked, weights / weights.sum(), strict=True)
        ]
        silent = "" in choices and null - best > self.config.null_threshold
        answer = next(text for text, _ in ranked if text or not spans)
        surer = round(float(null - best), 4) if spans else 0.0  # without spans both ways give ""
        margin = {"best_answer": answer, "no_answer_margin": surer}
        return {
            "id": example.id,
            "question": example.question,
            "answers": [text for _, text in example.answers],
            "prediction": "" if silent else answer,
            "n_best": n_best[:_N_BEST_WRITTEN],
            **(margin if self.may_be_silent else {}),
        }

    def analyse(self, splits: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
        return analyse_answers(splits, 2 if self.may_be_silent else 1)

    def score(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return load_metric("squad").compute(
            predictions=[row["prediction"] for row in rows],
            references=[row["answers"] for row in rows],
            version=2 if self.may_be_silent else 1,
        )


def _places(rows: Any, row: int, context: str) -> np.ndarray:
    """Characters of each token of a window (L, 2), `NOWHERE` outside the context."""
    parts = zip(rows["offset_mapping"][row], rows.sequence_ids(row), strict=True)
    found = [
        (trimmed(context, offset) or NOWHERE) if part == _CONTEXT else NOWHERE
        for offset, part in parts
    ]
    return np.array(found, np.int32).reshape(-1, 2)


def _null_token(ids: np.ndarray, cls: int | None) -> int:
    """Position of the token that stands for no answer: [CLS], or the first where there is none."""
    found = np.flatnonzero(ids == cls) if cls is not None else []
    return int(found[0]) if len(found) else 0


def _targets(
    places: np.ndarray, example: QuestionExample, null: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, the null token's where the answer is not inside, and the tokens that may be one.

    Of what is allowed only the null token has no place, by which `_null` knows it again.
    """
    labels = answer_tokens(places, example.answers[0]) if example.answers else None
    places[null] = NOWHERE
    allowed = places[:, 0] >= 0
    allowed[null] = True
    return np.array(labels or (null, null), np.int32), allowed


def _null(feature: Feature) -> int:
    """Position of the token that stands for no answer: the one allowed token with no characters."""
    assert feature.allowed is not None and feature.places is not None
    return int(np.flatnonzero(feature.allowed & (feature.places[:, 0] < 0))[0])
