"""Opens the model and tokenizer to fine-tune, and refuses what cannot work before training."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.heads import redraw_output, refuse_resized_body
from mlm_pretrain.manifest import verify_model
from mlm_pretrain.tokenizer_opening import open_tokenizer

MAX_LENGTH = 512
_ENCODERS = "bert, modernbert, roberta, distilbert and electra have one"
_WAYS_OUT = {
    "AutoModelForSeq2SeqLM": "give an encoder–decoder (t5, bart, marian, pegasus, …), such as "
    "`mlm-pretrain pretrain --objective denoising` makes",
}
# Every name that architectures give to a dropout of theirs.
_DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "dropout",
    "dropout_rate", "activation_dropout", "mlp_dropout", "embedding_dropout", "classifier_dropout",
    "seq_classif_dropout", "qa_dropout",
)  # fmt: skip


def load_tokenizer(model: str, needs_offsets: bool, revision: str | None = None) -> Any:
    """The tokenizer of a folder or Hub name, padding on the right.

    Raises:
        InputError: when none can be opened, it has no pad token, or it cannot say where in the text
            a token lies although the task needs that.
    """
    tokenizer = open_tokenizer(model, revision)
    if tokenizer.pad_token_id is None:
        raise InputError(
            f"{model}: its tokenizer has no pad token",
            "add one: set 'pad_token' in tokenizer_config.json to a token of the vocabulary",
        )
    if needs_offsets and not tokenizer.is_fast:
        raise InputError(
            f"{model}: its tokenizer is a slow one, which cannot say where its tokens lie",
            "save it as tokenizer.json",
        )
    tokenizer.padding_side = "right"
    return tokenizer


def load_config(model: str, config: FinetuneConfig, labels: Sequence[str]) -> Any:
    """The model's configuration with this task's labels and, when set, another dropout."""
    from transformers import AutoConfig

    with reading(model):
        settings = AutoConfig.from_pretrained(
            model, revision=config.revision or "main", trust_remote_code=False
        )
    vars(settings).pop("auto_map", None)  # names code that is neither run nor saved
    if labels:  # a text has none
        settings.id2label = dict(enumerate(labels))
        settings.label2id = {label: index for index, label in enumerate(labels)}
    settings.problem_type = None
    if config.dropout is not None:
        for name in _DROPOUTS:
            if getattr(settings, name, None) is not None:
                setattr(settings, name, config.dropout)
    return settings


def usable_length(
    model_name: str, skeleton: Any, tokenizer: Any, asked: int | None, taken: int = 0
) -> int:
    """Tokens a row may have: `asked`, or the least of 512, the tokenizer's and the model's.

    Args:
        taken: positions of the model that are no tokens'.

    Raises:
        InputError: when `asked` is more than the model has positions.
    """
    positions = positions_of(skeleton)
    if positions:
        positions -= taken
    if asked is None:
        limits = [MAX_LENGTH, int(min(tokenizer.model_max_length, MAX_LENGTH))]
        return min([*limits, positions] if positions else limits)
    if positions and asked > positions:
        raise InputError(
            f"max_length: {asked} > {positions}, the positions of {model_name}",
            f"set max_length to {positions} or less",
        )
    return asked


def positions_of(skeleton: Any) -> int | None:
    """Positions a model can tell apart. RoBERTa's kind starts counting after its pad index."""
    stated = getattr(skeleton.config, "max_position_embeddings", None)
    for name, module in skeleton.named_modules():
        if (
            name.endswith("position_embeddings")
            and getattr(module, "padding_idx", None) is not None
        ):
            return module.num_embeddings - module.padding_idx - 1
    return stated if isinstance(stated, int) and stated > 0 else None


def build_skeleton(auto_class: str, settings: Any, model: str) -> Any:
    """The model without memory for its weights: its shape, to check settings against.

    Raises:
        InputError: when transformers has no head of this kind for the architecture.
    """
    import torch
    import transformers

    try:
        with torch.device("meta"):
            return getattr(transformers, auto_class).from_config(settings, trust_remote_code=False)
    except ValueError as error:
        kind = auto_class.removeprefix("AutoModelFor")
        raise InputError(
            f"{model}: transformers has no {kind} head for '{settings.model_type}' "
            f"({str(error).splitlines()[0][:120]})",
            _WAYS_OUT.get(auto_class, _ENCODERS),
        ) from None


def load_model(auto_class: str, settings: Any, config: FinetuneConfig) -> tuple[Any, list[str]]:
    """The model in fp32, and the names of weights that are fresh: not in the folder, or redrawn.

    A head that the folder has is kept where its classes are this task's (see `redraw_output`).
    With `random_weights` the whole model is drawn afresh from the seed.

    Raises:
        InputError: when the folder's weights are not safetensors, or mostly belong to another
            model, which would otherwise silently train from random weights.
    """
    import torch
    import transformers

    transformers.set_seed(config.seed)
    auto = getattr(transformers, auto_class)
    if config.random_weights:
        model = auto.from_config(settings, dtype=torch.float32, trust_remote_code=False)
        return model, ["all"]
    revision = config.revision or "main"
    with reading(config.model):
        checkpoint = transformers.AutoConfig.from_pretrained(
            config.model, revision=revision, trust_remote_code=False
        )
        model, report = auto.from_pretrained(
            config.model, config=settings, revision=revision, dtype=torch.float32, use_safetensors=True,
            output_loading_info=True, ignore_mismatched_sizes=True, trust_remote_code=False,
        )  # fmt: skip
    refuse_resized_body(model, report["mismatched_keys"], config.model)
    _refuse_other_weights(model, report["missing_keys"], config.model)
    fresh = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    fresh |= redraw_output(model, auto_class, settings, checkpoint, fresh)
    return model, sorted(fresh)


def _refuse_other_weights(model: Any, missing: set[str], folder: str) -> None:
    body = [name for name, _ in model.base_model.named_parameters()]
    prefix = model.base_model_prefix + "."
    lost = [
        name
        for name in sorted(missing)
        if name.removeprefix(prefix) in set(body) and "pool" not in name
    ]
    if len(lost) > len(body) // 2:
        raise InputError(
            f"{folder}: its weights lack {len(lost)} of the {len(body)} the architecture "
            f"has ({', '.join(lost[:3])}, …)",
            "check that config.json and model.safetensors belong together",
        )


def check_weights(config: FinetuneConfig) -> None:
    """Compare the folder's weights and tokenizer with its manifest; other files may have been edited.

    Raises:
        InputError: naming a file that is missing, truncated or altered, or a damaged manifest.
    """
    if not config.random_weights:  # which reads no weights
        verify_model(config.model)


def check_vocabulary(model: str, tokenizer: Any, settings: Any) -> None:
    """Refuse a tokenizer with more tokens than the model has embeddings."""
    size = getattr(settings, "vocab_size", None)
    if size is not None and len(tokenizer) > size:
        raise InputError(
            f"{model}: the tokenizer has {len(tokenizer)} tokens, the model only {size} embeddings",
            "give the tokenizer that the model was trained with",
        )


def width_of(settings: Any) -> int:
    """The hidden size; of two models put together, the encoder's."""
    return int(getattr(settings, "hidden_size", None) or settings.encoder.hidden_size)


def input_names(skeleton: Any) -> tuple[str, ...]:
    """Which of the tokenizer's outputs the model takes."""
    accepted = set(inspect.signature(skeleton.forward).parameters)
    names = ["input_ids", "attention_mask"]
    # RoBERTa takes token types but has one: a pair's second text would be out of its table. GPT-2
    # has no table at all, and adds the embeddings of the words 0 and 1 instead.
    if "token_type_ids" in accepted and getattr(skeleton.config, "type_vocab_size", 0) > 1:
        names.append("token_type_ids")
    return tuple(names)


class reading:  # noqa: N801 - reads as a statement: `with reading(model):`
    """Turns the library's errors about a model folder into one that names it."""

    def __init__(self, model: str) -> None:
        self.model = model

    def __enter__(self) -> None:
        if Path(self.model).is_file():
            raise InputError(f"{self.model}: is a file, not a model folder")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from safetensors import SafetensorError

        if isinstance(error, InputError):
            return
        if not isinstance(error, OSError | ValueError | KeyError | RuntimeError | SafetensorError):
            return
        first = str(error).strip().splitlines()[0] if str(error).strip() else kind.__name__
        if "custom code" in first:
            raise InputError(
                f"{self.model}: needs Python code of its own (auto_map), which is never run",
                "give a model of an architecture that transformers itself has",
            ) from None
        raise InputError(
            f"{self.model}: cannot be opened as a model ({first[:300]})",
            "give a folder written by `mlm-pretrain export` (safetensors), or a Hub name",
        ) from None
