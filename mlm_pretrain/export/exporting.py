"""A run → a folder that `from_pretrained` opens anywhere, with a card that states the facts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from mlm_pretrain.cards import hub_name, model_card
from mlm_pretrain.claiming import claim_output, telling_of_a_full_disk
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import load_for_evaluation
from mlm_pretrain.export.facts import facts_of
from mlm_pretrain.export.own_dropout import own_dropout
from mlm_pretrain.extension import EXTENSION_FILE
from mlm_pretrain.manifest import MANIFEST, read_manifest, verify_files, write_manifest
from mlm_pretrain.modeling.as_decoder import as_decoder
from mlm_pretrain.modeling.pooling_layer import pooling_weights
from mlm_pretrain.modeling.sizes import unused_positions
from mlm_pretrain.objectives.together import recorded
from mlm_pretrain.progress import say
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.training.checkpoints.finding import newest_weights
from mlm_pretrain.training.followed import lineage, prepared_length, run_of
from mlm_pretrain.training.heads import GENERATOR_FOLDER, export_heads, read_generator
from mlm_pretrain.training.learning.adapters import export_adapter, first_with_change
from mlm_pretrain.training.phases import newest_run
from mlm_pretrain.training.run_folder import MODEL_FOLDER, read_run

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    EXTENSION_FILE,
)
_WEIGHTS = "model.safetensors"
CAUSAL_FOLDER = "causal"
_SAMPLE = "Déjà vu: 12 NEW words, isn't it? (naïve) 東京\n\tend"


@quiet_transformers()
def export(run: str | Path, out: str | Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Write the final model of `run` (or its newest checkpoint) as a standard folder.

    Of a training in phases it is the model of the last one, and the card tells of all; so it does of any run
    that follows others.

    The folder holds safetensors, config, tokenizer, a generation config for what generates text, a card with
    the facts of the run, and a manifest. It is reopened, and its scores compared with the source's. An
    encoder that also learned to continue text is written a second time, into `causal/`, as the decoder it is
    too; one that learned to find replaced tokens gets the masked model that replaced them beside it, in
    `generator/`; a low-rank change, which is in the model's matrices, stands by itself in `adapters/NAME/`.

    Returns:
        `out`, `source`, `parameters`, `files`, and `logits_equal` (always True: anything else raises).

    Raises:
        InputError: when the run has no complete checkpoint, the reopened model differs, or the disk is full.
    """
    with telling_of_a_full_disk(out, "free some space and export again with --overwrite"):
        return _export(newest_run(run), Path(out), overwrite)


def _export(run: Path, out: Path, overwrite: bool) -> dict[str, Any]:
    record = read_run(run)
    source = _source(run)
    trained_as = _trained_as(record)
    model, source_tokenizer, objective = load_for_evaluation(source, trained_as)
    places = lineage(run)
    settings = [read_run(run_of(place))["config"] for place in places]
    dropout = own_dropout(settings)
    out = claim_output(_apart(out, run), overwrite)
    generates = objective.is_causal or model.config.is_encoder_decoder
    model.config.update(dropout)
    _write_model(model, out, generates, _pooling_weights(settings[0], model))
    _copy_tokenizer(run / "tokenizer", out, settings, model.config)
    learnt = recorded(record["config"])
    if "clm" in learnt.served and not objective.is_causal:
        _write_beside(CAUSAL_FOLDER, as_decoder(model), source_tokenizer, out, generates=True)
    if trained_as is not None and "generator" in learnt.config.model_fields:
        generator = read_generator(model, source)
        generator.config.update(dropout)
        _write_beside(GENERATOR_FOLDER, generator, source_tokenizer, out, generates=False)
    export_heads(learnt, source, out)
    facts = facts_of(run, record, model, learnt, places)
    (out / "README.md").write_text(model_card(facts), encoding="utf-8")
    _check_reload(model, source_tokenizer, out, trained_as)
    if record["config"].get("lora"):
        first = first_with_change(settings)
        base = hub_name(first["init"]) if first is not None else None
        export_adapter(model, source, out, record["config"], base)
    inputs = {"run": {"path": run.name, "weights": source.name}}
    counts = {"parameters": facts["parameters"]}
    manifest = write_manifest(out, "export", facts["config"], inputs, counts)
    return {
        "out": str(out), "source": str(source), "parameters": facts["parameters"],
        "files": sorted(manifest.files), "logits_equal": True,
    }  # fmt: skip


def _source(run: Path) -> Path:
    final = run / MODEL_FOLDER
    if (final / _WEIGHTS).is_file() and (run / MANIFEST).is_file():
        _verify_what_is_taken(run)
        return final
    checkpoint = newest_weights(run)
    if checkpoint is None:
        raise InputError(
            f"{run}: no complete checkpoint to export yet", "let the run save one first"
        )
    say(f"{run}: is not finished; exporting {checkpoint.name}")
    return checkpoint


def _verify_what_is_taken(run: Path) -> None:
    """The model as the run wrote it (`read_run` has looked at the tokenizer), and not the checkpoints,
    which may be gone."""
    files = read_manifest(run, "pretrain").files
    verify_files(run, {n: f for n, f in files.items() if n.startswith(f"{MODEL_FOLDER}/")})


def _apart(out: Path, run: Path) -> Path:
    """`out`, unless writing there would replace the run itself."""
    if out.resolve() in (run.resolve(), *run.resolve().parents):
        raise InputError(
            f"{out}: holds the run", "choose another --out, such as a folder beside it"
        )
    return out


def _pooling_weights(first: dict[str, Any], model: Any) -> dict[str, torch.Tensor]:
    """What the checkpoint that all began with has for classifiers, and the trained class leaves out."""
    if first["init"] is None or model.config.is_encoder_decoder:
        return {}
    return pooling_weights(first["init"], first.get("revision"), model)


def _write_model(
    model: Any, out: Path, generates: bool, more: dict[str, torch.Tensor] | None = None
) -> None:
    if not generates:
        model.generation_config = None
    model.save_pretrained(out, state_dict={**model.state_dict(), **more} if more else None)
    path = out / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config["torch_dtype"] = config.get("dtype", "float32")  # transformers 4 reads this name
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_beside(
    name: str, model: Any, source_tokenizer: Any, out: Path, *, generates: bool
) -> None:
    """Another model of the run in a folder of its own: the encoder as a decoder, or the masked model that
    was trained beside it. It must read as it did."""
    folder = out / name
    folder.mkdir()
    _write_model(model, folder, generates)
    _copy_beside(out, folder)
    _check_reload(model, source_tokenizer, folder)


def _copy_beside(out: Path, folder: Path) -> None:
    for name in _TOKENIZER_FILES:
        if (out / name).is_file():
            shutil.copyfile(out / name, folder / name)


def _trained_as(record: dict[str, Any]) -> str | None:
    """The run's objective where its model is no language model; None where its head tells."""
    objective = recorded(record["config"])
    return objective.name if objective.figures is not None else None


def _copy_tokenizer(
    tokenizer: Path, out: Path, runs: list[dict[str, Any]], model_config: Any
) -> None:
    for name in _TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)
    path = out / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["model_max_length"] = _longest(runs, settings, model_config)
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _longest(runs: list[dict[str, Any]], settings: dict[str, Any], model_config: Any) -> int:
    """Never promise more tokens than the runs, or the checkpoint they began with, trained positions for."""
    positions = getattr(model_config, "max_position_embeddings", None)
    if positions:
        positions -= unused_positions(model_config)
    limits = [settings.get("model_max_length"), positions]
    if runs[0]["init"] is None:
        limits.append(max(prepared_length(run["data"]) or 0 for run in runs))
    return int(min(limit for limit in limits if limit))


def _check_reload(
    model: Any, source_tokenizer: Any, out: Path, trained_as: str | None = None
) -> None:
    """The exported folder must give the same ids of a text, and the same scores to the bit."""
    reloaded, tokenizer, _ = load_for_evaluation(out, trained_as)
    length = min(16, len(tokenizer), int(tokenizer.model_max_length))
    ids = torch.arange(length).unsqueeze(0)
    mask = torch.ones_like(ids)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = ids
    with torch.no_grad():
        before, after = model(**inputs).logits, reloaded(**inputs).logits
    if not torch.equal(before, after):
        raise InputError(f"{out}: the reopened model scores differently", "please report this")
    if tokenizer(_SAMPLE)["input_ids"] != source_tokenizer(_SAMPLE)["input_ids"]:
        raise InputError(f"{out}: the reopened tokenizer gives other ids", "please report this")
