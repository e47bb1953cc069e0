"""The YAML at the top of a card, by which the Hub finds, shows and ranks a model."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.cards.licence import Licence


def front_matter(
    *,
    tags: list[str],
    model_name: str,
    pipeline_tag: str | None = None,
    base_model: str | None = None,
    licence: Licence | None = None,
    language: str | list[str] | None = None,
    datasets: list[str] | None = None,
    results: list[Any] | None = None,
    examples: list[str] | None = None,
) -> str:
    """The block between its two lines of dashes, without what is unknown; as the Hub's own client writes it.

    Args:
        results: `EvalResult` each, which become the `model-index`.
        examples: texts for the Hub's page to try the model on.
    """
    from huggingface_hub import ModelCardData

    further: dict[str, Any] = {"widget": [{"text": text} for text in examples]} if examples else {}
    data = ModelCardData(
        language=language or None,
        license=licence.id if licence else None,
        license_name=licence.name if licence else None,
        license_link=licence.link if licence else None,
        library_name="transformers",
        pipeline_tag=pipeline_tag,
        tags=tags,
        base_model=base_model,
        datasets=datasets or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results or [])) or None,
        model_name=model_name if results else None,
        eval_results=results or None,
        **further,
    )
    return f"---\n{data.to_yaml()}\n---\n"
