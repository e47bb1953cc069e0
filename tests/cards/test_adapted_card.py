"""The card of an adapted model says what is recorded, and of what is not, that it is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from card_facts import ALL, FEWEST
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from pydantic import ValidationError

from mlm_pretrain.cards import AdaptedFacts, adapted_card, write_adapted_card
from mlm_pretrain.errors import InputError
from mlm_pretrain.hub import select
from mlm_pretrain.manifest import own_manifest, verify


def card(facts: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], str]:
    """(front matter, text), where the lines of the text are joined, since where they end is no matter."""
    content = adapted_card(AdaptedFacts.model_validate({**facts, **changes}))
    _, front, text = content.split("---\n", 2)
    return yaml.safe_load(front), re.sub(r"(?<=\S)\n(?=[^\s|#-])", " ", text)


def test_the_hub_reads_its_metadata() -> None:
    front, _ = card(ALL)
    assert front["tags"] == ["mlm-pretrain", "domain-adaptation"]
    assert front["base_model"] == "ada/base"
    assert front["license"] == "apache-2.0"
    assert front["language"] == "en"
    assert front["datasets"] == ["wiki/pages"]
    assert front["pipeline_tag"] == "fill-mask"
    assert front["widget"] == [{"text": ALL["examples"][0]}]
    results = ModelCardData(**front).eval_results
    source = {"source_name": "mlm-pretrain", "source_url": "https://pypi.org/project/mlm-pretrain"}
    assert results == [
        EvalResult(
            task_type="token-classification", task_name="ner after fine-tuning", dataset_type="bc5cdr",
            dataset_name="bc5cdr", dataset_split="test", metric_type="f1",
            metric_name="f1, mean of 5 fine-tunings", metric_value=0.8123, **source,
        ),
        EvalResult(
            task_type="text-classification", task_name="sentiment after fine-tuning",
            dataset_type="intents", dataset_name="intents", dataset_split="test", metric_type="accuracy",
            metric_name="accuracy, mean of 3 fine-tunings", metric_value=0.6, **source,
        ),
    ]  # fmt: skip
    whole = ModelCard(adapted_card(AdaptedFacts.model_validate(ALL)))
    assert whole.data.to_dict() == front


@pytest.mark.parametrize(
    "said",
    [
        "`ada/base` trained further on abstracts of biomedical articles: a BertForMaskedLM of 1,234,567",
        "`ada/base` at commit `0123abcd`.",
        "To find names of chemicals.",
        f"| train.jsonl.gz | 1,000 | 15,000,000 | 3,000,000 | CC BY 4.0 | `{'ab' * 16}` |",
        "| hf:wiki/pages:20231101.en@train#main | 10 | not recorded |",
        "| overlap with bc5cdr \\| test | 12 |\n| duplicate | 0 |",
        "| words unseen | 0.1235 |",
        "| steps | 1,200 |\n| tokens read | 9,000,000 |\n| passes over the domain's text | 2.5 |\n"
        "| minutes | 20 on 2 cores |\n| peak learning rate | 0.0001 |\n"
        "| general text among the rows | 10 % |\n"
        "| peak learning rate of new rows | 0.001 |\n| masking | word |\n| data | packed |",
        "gained 1,000 entries (30,522 → 31,522), such as `ischemia`. The validation text takes "
        "880,000 tokens where it took 1,000,000: 12 % saved.",
        "has its 95 % interval over examples and seeds",
        "| bc5cdr (ner) | test | f1 | 5 | 0.8012 | 0.8123 | 0.7999 | "
        "+0.0111 | +0.004 to +0.0182 | 0.012 | better |",
        "in bits a byte: 1.25 before, 1 after",
        "| masked loss on general text, nats a token | 2.5 | 2.75 | +0.25 |\n| BLiMP | 0.75 | 0.5 | -0.25 |",
        "- A gain was not shown on intents (accuracy).",
        "- Its further training had rows of at most 128 tokens.\n- Nothing was tried in other languages.",
        "word for word, which it saw 2.5 times over.",
        "apache-2.0, which is what the base model's card says.",
        "mlm-pretrain adapt --model ada/base --corpus texts",
        "With mlm_pretrain 0.1.0.",
    ],
)  # fmt: skip
def test_it_tells_what_is_recorded(said: str) -> None:
    assert said in card(ALL)[1]


@pytest.mark.fault("secrets")
def test_no_folder_and_no_secret_of_this_machine() -> None:
    secret = "hf_" + "a1B2" * 8
    words = [*ALL["command"], f"--set=key={secret}"]
    whole = adapted_card(AdaptedFacts.model_validate({**ALL, "command": words, "purpose": secret}))
    assert "secret-project" not in whole
    assert secret not in whole


def test_what_is_unknown_is_left_out_or_said_to_be() -> None:
    front, text = card(FEWEST)
    assert set(front) == {"base_model", "library_name", "pipeline_tag", "tags"}
    for said in (
        "Its maker stated no purpose.",
        "Which text it was trained on was not recorded.",
        "such as duplicates or overlap with test sets, was not recorded.",
        "| minutes | not recorded |",
        "Its worth for a task was not measured.",
        "## What was forgotten\n\nNot measured.",
        "None is stated here",
        "The command was not recorded.",
    ):
        assert said in text
    assert "None |" not in text
    assert "vocabulary" not in text
    assert "Nothing was left out of it." in card(FEWEST, removed={})[1]


def test_a_base_model_that_nobody_else_has(tmp_path: Path) -> None:
    front, text = card(FEWEST, base_model=str(tmp_path))
    assert "base_model" not in front
    assert "It was a folder of its maker's machine" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ("No gap in this sentence at all.", r"needs \[MASK\] once"),
        ("Write to ada@example.org about [MASK].", "holds an address of mail"),
        ("Then John Miller had [MASK] again.", "holds what may be a name"),
    ],
)
def test_an_example_that_must_not_be_shown(example: str, says: str) -> None:
    with pytest.raises(InputError, match=f"example 2 of the card: {says}"):
        card(ALL, examples=[ALL["examples"][0], example])


def test_facts_that_are_none_of_ours() -> None:
    for wrong in ({"licens": None}, {"language": ["English"]}, {"licence": {"id": "Apache 2"}}):
        with pytest.raises(ValidationError):
            AdaptedFacts.model_validate({**FEWEST, **wrong})


def test_written_into_an_exported_folder(model: Path) -> None:
    """Its manifest then knows the new card, and still what every other file was."""
    before = own_manifest(model)
    write_adapted_card(model, AdaptedFacts.model_validate(ALL))
    after = own_manifest(model)
    assert before is not None
    assert after is not None
    assert "To find names of chemicals." in (model / "README.md").read_text("utf-8")
    verify(model, after)
    assert before.files.pop("README.md") != after.files.pop("README.md")
    assert after.files == before.files
    assert not list(model.glob("*.partial"))
    assert select(model).findings == []
    (model / "config.json").write_text("{}")
    write_adapted_card(model, AdaptedFacts.model_validate(FEWEST))
    with pytest.raises(InputError, match=r"config\.json"):
        select(model)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        write_adapted_card(tmp_path, AdaptedFacts.model_validate(FEWEST))
    assert list(tmp_path.iterdir()) == []
