"""Fine-tuning as the libraries' own example scripts do it, on files in this package's formats.

What run_glue.py, run_ner.py and run_qa.py (transformers, examples/pytorch) do by default: classifiers and
questions padded to the longest length there may be, taggers to the longest of their batch, and not cut before
the model's own maximum; the first piece of a word bears its tag; the model after the last epoch is scored;
fp32; `Trainer` with the arguments given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Tokens; None: as many as the model takes.
LENGTH: dict[str, int | None] = {"sentiment": 128, "regression": 128, "ner": None, "qa": 384}
STRIDE = 128  # tokens that two windows of a question share
_N_BEST, _LONGEST_ANSWER = 20, 30


def device() -> str:
    """What both train on, as `finetune` chooses it."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def train_stock(
    kind: str, model: str, files: dict[str, str], settings: dict[str, Any], seed: int, out: str
) -> dict[str, float]:
    """Scores of the validation file after training.

    Args:
        settings: epochs, learning_rate, batch_size.
    """
    from datasets import load_dataset
    from transformers import AutoTokenizer, Trainer, TrainingArguments, set_seed

    set_seed(seed)
    rows = load_dataset("json", data_files=files, cache_dir=str(Path(out) / "cache"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    network, encode, collate, decode = _KINDS[kind](model, tokenizer, rows)
    encoded = {
        split: rows[split].map(
            encode, batched=True, with_indices=True, remove_columns=rows[split].column_names
        )
        for split in files
    }
    args = TrainingArguments(
        output_dir=out, num_train_epochs=settings["epochs"], learning_rate=settings["learning_rate"],
        per_device_train_batch_size=settings["batch_size"], seed=seed, report_to="none",
        save_strategy="no", disable_tqdm=True, use_cpu=device() == "cpu",
    )  # fmt: skip
    trainer = Trainer(
        model=network, args=args, train_dataset=encoded["train"], processing_class=tokenizer,
        data_collator=collate,
    )  # fmt: skip
    trainer.train()
    logits = trainer.predict(encoded["validation"]).predictions
    return decode(logits, rows["validation"], encoded["validation"])


def _classifier(model: str, tokenizer: Any, rows: Any) -> tuple[Any, Callable, Any, Callable]:
    from transformers import AutoModelForSequenceClassification, default_data_collator

    names = sorted(set(rows["train"]["label"]), key=str)
    place = {name: number for number, name in enumerate(names)}
    network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=len(names))

    def encode(batch: Any, _: Any) -> Any:
        return {**_padded_texts(tokenizer, batch), "labels": [place[x] for x in batch["label"]]}

    def decode(logits: Any, given: Any, _: Any) -> dict[str, float]:
        from mlm_pretrain.finetune.classification import label_scores

        found = [str(names[best]) for best in logits.argmax(-1)]
        return label_scores(found, [str(label) for label in given["label"]])

    return network, encode, default_data_collator, decode


def _regressor(model: str, tokenizer: Any, rows: Any) -> tuple[Any, Callable, Any, Callable]:
    from transformers import AutoModelForSequenceClassification, default_data_collator

    network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)

    def encode(batch: Any, _: Any) -> Any:
        return {**_padded_texts(tokenizer, batch), "labels": [float(x) for x in batch["label"]]}

    def decode(logits: Any, given: Any, _: Any) -> dict[str, float]:
        from scipy.stats import pearsonr, spearmanr

        found = logits[:, 0]
        return {
            "spearman": float(spearmanr(found, given["label"]).statistic),
            "pearson": float(pearsonr(found, given["label"]).statistic),
        }

    return network, encode, default_data_collator, decode


def _padded_texts(tokenizer: Any, batch: Any) -> Any:
    pair = (batch["text_pair"],) if "text_pair" in batch else ()
    length = LENGTH["sentiment"]
    return tokenizer(batch["text"], *pair, padding="max_length", max_length=length, truncation=True)


def _tagger(model: str, tokenizer: Any, rows: Any) -> tuple[Any, Callable, Any, Callable]:
    from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification

    names = sorted({tag for tags in rows["train"]["ner_tags"] for tag in tags})
    place = {name: number for number, name in enumerate(names)}
    network = AutoModelForTokenClassification.from_pretrained(model, num_labels=len(names))

    def encode(batch: Any, _: Any) -> Any:
        inputs = tokenizer(
            batch["tokens"], is_split_into_words=True, truncation=True, max_length=LENGTH["ner"]
        )
        inputs["labels"] = [
            _first_pieces(inputs.word_ids(number), [place.get(tag, 0) for tag in tags])
            for number, tags in enumerate(batch["ner_tags"])
        ]
        return inputs

    def decode(logits: Any, given: Any, encoded: Any) -> dict[str, float]:
        from mlm_pretrain.evaluation.metrics import load_metric
        from mlm_pretrain.evaluation.metrics.tag_schemes import repair

        found, true = [], []
        for row, labels, tags in zip(logits, encoded["labels"], given["ner_tags"], strict=True):
            kept = [
                names[best] for best, y in zip(row.argmax(-1), labels, strict=False) if y != -100
            ]
            kept += ["O"] * (len(tags) - len(kept))  # what was cut off
            found.append(repair(kept, "iob2"))
            true.append(list(tags))
        scores = load_metric("seqeval").compute(predictions=found, references=true)
        return {"f1": scores["f1"]}

    return network, encode, DataCollatorForTokenClassification(tokenizer), decode


def _first_pieces(words: list[int | None], labels: list[int]) -> list[int]:
    """A label at the first piece of each word, −100 elsewhere."""
    return [
        -100 if word is None or (place and words[place - 1] == word) else labels[word]
        for place, word in enumerate(words)
    ]


def _reader(model: str, tokenizer: Any, rows: Any) -> tuple[Any, Callable, Any, Callable]:
    from transformers import AutoModelForQuestionAnswering, default_data_collator

    network = AutoModelForQuestionAnswering.from_pretrained(model)

    def encode(batch: Any, numbers: Any) -> Any:
        inputs = tokenizer(
            batch["question"], batch["context"], truncation="only_second", max_length=LENGTH["qa"],
            stride=STRIDE, return_overflowing_tokens=True, return_offsets_mapping=True,
            padding="max_length",
        )  # fmt: skip
        owners = inputs.pop("overflow_to_sample_mapping")
        windows = [
            _window(inputs, row, batch["answers"][owner]) for row, owner in enumerate(owners)
        ]
        del inputs["offset_mapping"]
        inputs["start_positions"] = [start for start, _, _ in windows]
        inputs["end_positions"] = [end for _, end, _ in windows]
        inputs["places"] = [places for _, _, places in windows]
        inputs["example"] = [numbers[owner] for owner in owners]
        return inputs

    def decode(logits: Any, given: Any, encoded: Any) -> dict[str, float]:
        from mlm_pretrain.evaluation.metrics import load_metric

        best: dict[int, tuple[float, str]] = defaultdict(lambda: (float("-inf"), ""))
        for start, end, row in zip(*logits, encoded, strict=True):
            number = row["example"]
            found = _best_span(start, end, row["places"], given[number]["context"])
            best[number] = max(best[number], found)
        return load_metric("squad").compute(
            predictions=[best[number][1] for number in range(len(given))],
            references=[list(answers["text"]) for answers in given["answers"]],
            version=1,
        )

    return network, encode, default_data_collator, decode


def _window(inputs: Any, row: int, answers: Any) -> tuple[int, int, list[list[int]]]:
    """The answer's first and last token, 0 and 0 where it is not inside; characters of context tokens."""
    kinds = inputs.sequence_ids(row)
    offsets = inputs["offset_mapping"][row]
    places = [list(o) if kind == 1 else [-1, -1] for o, kind in zip(offsets, kinds, strict=True)]
    first, text = answers["answer_start"][0], answers["text"][0]
    inside = [
        t for t, (a, b) in enumerate(places) if a >= 0 and b > first and a < first + len(text)
    ]
    is_whole = (
        inside and places[inside[0]][0] <= first and places[inside[-1]][1] >= first + len(text)
    )
    return (inside[0], inside[-1], places) if is_whole else (0, 0, places)


def _best_span(start: Any, end: Any, places: Any, context: str) -> tuple[float, str]:
    best = (float("-inf"), "")
    for first in start.argsort()[: -_N_BEST - 1 : -1]:
        for last in end.argsort()[: -_N_BEST - 1 : -1]:
            if (
                places[first][0] < 0
                or places[last][0] < 0
                or not 0 <= last - first < _LONGEST_ANSWER
            ):
                continue
            text = context[places[first][0] : places[last][1]]
            best = max(best, (float(start[first] + end[last]), text))
    return best


_KINDS = {"sentiment": _classifier, "regression": _regressor, "ner": _tagger, "qa": _reader}
