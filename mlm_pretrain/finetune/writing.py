"""Tasks whose answer is a text that an encoder–decoder writes.

B texts, D tokens of a target.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from mlm_pretrain.finetune import generation
from mlm_pretrain.finetune.batching import Feature, inputs_of, rows_within
from mlm_pretrain.finetune.languages import set_languages
from mlm_pretrain.finetune.pairs import TextPair
from mlm_pretrain.finetune.task import Task, Writer
from mlm_pretrain.finetune.unused import OF_WRITING

_CHUNK = 1000  # texts tokenised at once: the tokenizer's own output takes 20 times a feature's


class Writing(Task[TextPair]):
    """A text for a text. What all such tasks share is here; fields and scores are each one's own.

    The model learns each token of a target from the source and the tokens before it. After an epoch
    it writes greedily, which is enough to compare epochs; the final scores are of beam search with
    the settings that the saved folder carries. Targets are cut at `max_target_length` for learning
    and the loss, never for the scores.
    """

    auto_class: ClassVar[str] = "AutoModelForSeq2SeqLM"
    unused: ClassVar[Mapping[str, str]] = OF_WRITING
    needs_offsets = False
    writes: ClassVar[bool] = True
    names: ClassVar[tuple[str, str]]  # of source and target in the predictions

    @property
    @abstractmethod
    def key(self) -> str:
        """This task's name in a checkpoint's `task_specific_params`."""

    def learn(self, train: Sequence[TextPair]) -> None:
        """Nothing: any text may be written."""

    def check(self, examples: Sequence[TextPair], spec: str) -> None:
        """Nothing beyond what reading has checked."""

    def adapt(self, skeleton: Any, tokenizer: Any) -> dict[str, Any]:
        config, settings = self.config, skeleton.config
        self.tokenizer, self.pad = tokenizer, int(tokenizer.pad_token_id)
        self.decoder_inputs = generation.decoder_inputs(skeleton, config.model)
        self.max_target, self.max_written = generation.target_limits(config, skeleton)
        self.end = generation.end_token(settings, tokenizer, config.model)
        asked = config.prefix
        self.prefix = self._own_prefix(settings) if asked is None else asked
        set_languages(tokenizer, config.source_language, config.target_language, config.model)
        return {
            "prefix": self.prefix, "max_target_length": self.max_target,
            "max_new_tokens": self.max_written, "num_beams": config.num_beams,
        }  # fmt: skip

    def _own_prefix(self, settings: Any) -> str:
        """What the checkpoint says to put before each text of this task, "" for nothing."""
        own = _section(_section(settings, "task_specific_params"), self.key)
        return str(own.get("prefix") or "")

    def _name_prefix(self, settings: Any) -> None:
        """Let the model's config say what it was trained with."""
        if self.prefix != self._own_prefix(settings):
            known = _section(settings, "task_specific_params")
            named = {**_section(known, self.key), "prefix": self.prefix}
            settings.task_specific_params = {**known, self.key: named}

    def writers(self, model: Any, train: Sequence[Feature]) -> tuple[Writer | None, Writer | None]:
        """Greedy after an epoch, beams at the end; the latter's settings become the model's own."""
        assert self.decoder_inputs is not None
        special = set(self.tokenizer.all_special_ids)
        ids = generation.beginnings([f.labels for f in train], self.decoder_inputs, special)
        ids.update(pad_token_id=self.pad, eos_token_id=self.end)
        own = generation.own_settings(self.config, model)
        settings = generation.generation_settings(self.config, own, ids, self.max_written)
        model.generation_config = settings
        self._name_prefix(model.config)
        return partial(generation.write, settings=generation.greedy(settings)), generation.write

    def encode(
        self,
        examples: Sequence[TextPair],
        tokenizer: Any,
        names: tuple[str, ...],
        max_length: int,
        training: bool = False,
    ) -> list[Feature]:
        features: list[Feature] = []
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            texts = [self.prefix + example.source for example in chunk]
            rows, cut = rows_within(self._sources, texts, max_length)
            self.counts["cut_texts"] += cut
            targets = self._labels([example.target for example in chunk])
            features += [
                Feature(inputs_of(rows, i, names), labels, first + i)
                for i, labels in enumerate(targets)
            ]
        return features

    def _sources(self, texts: Sequence[str], limits: dict[str, Any]) -> Any:
        return self.tokenizer(list(texts), verbose=False, **limits)

    def _targets(self, texts: Sequence[str], limits: dict[str, Any]) -> Any:
        """Tokenised as what is to be written, in which some tokenizers use another language."""
        return self.tokenizer(text_target=list(texts), verbose=False, **limits)

    def _labels(self, targets: Sequence[str]) -> list[np.ndarray]:
        """Tokens (D) of each target with its end; mBART's kind has a language's mark behind that."""
        rows, cut = rows_within(self._targets, targets, self.max_target)
        self.counts["cut_targets"] += cut
        return [np.array(self._ended(ids), np.int32) for ids in rows["input_ids"]]

    def _ended(self, ids: list[int]) -> list[int]:
        return ids if self.end in ids[-2:] else [*ids[: self.max_target - 1], self.end]

    def keep(self, logits: Any, feature: Feature) -> np.ndarray:
        return generation.until_end(logits.numpy().astype(np.int32), self.end, self.pad)

    def decode(
        self,
        examples: Sequence[TextPair],
        features: Sequence[Feature],
        outputs: Sequence[np.ndarray],
    ) -> list[dict[str, Any]]:
        written = [ids.tolist() for ids in outputs]
        texts = self.tokenizer.batch_decode(written, skip_special_tokens=True)
        source, target = self.names
        return [
            {source: e.source, target: e.target, "prediction": text, "tokens": len(ids)}
            for e, text, ids in zip(examples, texts, written, strict=True)
        ]

    def unfinished(self, rows: Sequence[dict[str, Any]]) -> float:
        """Share of texts that `max_new_tokens` cut off."""
        return sum(row["tokens"] >= self.max_written for row in rows) / len(rows)


def _section(settings: Any, name: str) -> dict[str, Any]:
    """A mapping within a config that anyone may have written; empty where there is none."""
    found = settings.get(name) if isinstance(settings, dict) else getattr(settings, name, None)
    return found if isinstance(found, dict) else {}
