"""The card of a fine-tuned model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlm_pretrain.cards.front_matter import front_matter
from mlm_pretrain.cards.licence import base_licence
from mlm_pretrain.cards.naming import hub_name, shown_name
from mlm_pretrain.cards.rendering import rendered, tidy
from mlm_pretrain.cards.results import HUB_TASKS, hub_result
from mlm_pretrain.manifest import versions
from mlm_pretrain.redaction import redacted

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_SHOWN = (
    "epochs", "steps", "learning_rate", "embedding_rate", "batch_size", "max_length", "adapt",
    "trained_parameters", "parameters", "precision", "seed", "seconds",
)  # fmt: skip
_FILLS_A_GAP = "cloze"


def finetuned_card(
    result: dict[str, Any],
    files: dict[str, dict[str, Any]],
    *,
    opens_as: str,
    model_class: str,
    is_adapter: bool = False,
    revision: str | None = None,
) -> str:
    """The README.md of a fine-tuned model, from what its run gives.

    Args:
        result: as `finetune` returns it, with `task`, and further settings by name.
        files: split → `path` and hash of its labelled file.
        opens_as: name of the Auto class that opens it.
        is_adapter: whether the folder holds an adapter for the base model rather than a model.
        revision: commit of a base model from the Hub.
    """
    scores = result["metrics"].values()
    metrics = dict.fromkeys(n for s in scores for n, v in s.items() if isinstance(v, float))
    body = rendered(
        "finetuned.md.jinja",
        result=result, files=files, name=_name(result), base=shown_name(result["model"]), revision=revision,
        metrics=list(metrics), shown=_SHOWN, opens_as=opens_as, model_class=model_class,
        is_adapter=is_adapter, versions=versions(), shown_name=shown_name,
    )  # fmt: skip
    return redacted(f"{_front_matter(result, files, revision)}\n{tidy(body)}")


def _name(result: dict[str, Any]) -> str:
    return shown_name(result["out"])


def _front_matter(
    result: dict[str, Any], files: dict[str, dict[str, Any]], revision: str | None
) -> str:
    kind, has_base = result["task"], not result["random_weights"]
    return front_matter(
        tags=["mlm-pretrain"], model_name=_name(result),
        pipeline_tag="fill-mask" if kind == _FILLS_A_GAP else HUB_TASKS.get(kind),
        base_model=hub_name(result["model"]) if has_base else None,
        licence=base_licence(result["model"], revision) if has_base else None,
        results=_results(result, files),
    )  # fmt: skip


def _results(result: dict[str, Any], files: dict[str, dict[str, Any]]) -> list[EvalResult]:
    """Scores of the test split, or of validation where there is no other."""
    split = "test" if "test" in result["metrics"] else "validation"
    data = shown_name(files[split]["path"]).partition(".")[0]
    return [
        hub_result(result["task"], data, split, metric, value, metric, result["task"])
        for metric, value in result["metrics"][split].items()
        if isinstance(value, float) and metric != "loss"
    ]
