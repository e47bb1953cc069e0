"""The whole of an adaptation: measure, extend, pack, train, prove, keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.base import base_commit, base_folder
from mlm_pretrain.adapting.card import write_card
from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.folder import check_folder, opened, recorded_commit
from mlm_pretrain.adapting.keeping import chosen, put_in_place
from mlm_pretrain.adapting.losses import losses_of
from mlm_pretrain.adapting.measures import measured, words_for
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.proof import prove
from mlm_pretrain.adapting.rows import pack_all
from mlm_pretrain.adapting.runs import require_batches, run_settings, train_variant
from mlm_pretrain.adapting.tasks import check_task, task_of
from mlm_pretrain.adapting.texts import gather_texts
from mlm_pretrain.adapting.variants import BASE, variants_of
from mlm_pretrain.adapting.vocabulary import extended
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.domain import row_length
from mlm_pretrain.environment import process_count
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_json
from mlm_pretrain.quiet import quiet_transformers
from mlm_pretrain.redaction import redacted_values


@quiet_transformers()
def adapt(config: AdaptConfig, *, overwrite: bool = False) -> dict[str, Any]:
    """Adapt a checkpoint to a domain, and prove on a task whether that was worth it.

    Everything lies below `config.out`; what is there already of the same settings is used, so that a call
    that was stopped goes on. model/ is the adapted model that is kept, worth/ the proof.

    Args:
        overwrite: begin again, whatever adaptation lies there.

    Returns:
        What report.json holds: `commit` of a checkpoint of the Hub, `texts` (documents, bytes, what was taken
        out), `measures` with the advice, `vocabulary` (None where it is as it was), `rows`, `variants`
        (steps, tokens, seconds, what the guard saw), `losses`, `worth` (None without a task), `kept`,
        `is_shown_better` and `model_folder`.

    Raises:
        InputError: for settings, text or labels that cannot work, before anything is trained.
        Interrupted: after a signal during a training, once its state is saved.
    """
    if process_count() > 1:
        raise InputError("adapt is work for one process", "start it without torchrun")
    config, task, base = _checked(config, overwrite)
    commit = base_commit(config.model, base)
    with opened(config, overwrite, commit) as places:
        texts = gather_texts(config, task, places)
        measures = measured(config, task, texts, places, base)
        words = words_for(config, measures)
        vocabulary = extended(config, words, places, base) if words else None
        has_words = vocabulary is not None
        rows = pack_all(config, places, base, has_words)
        require_batches(config, places, base, has_words, rows)
        trained = {
            v.name: train_variant(config, v, places, base, has_words) for v in variants_of(config)
        }
        models = {BASE: base, **{name: run["model_folder"] for name, run in trained.items()}}
        losses = losses_of(models, places, config.prepare.max_length)
        worth = None if task is None else prove(config, task, trained, losses, places, base)
        result: dict[str, Any] = {
            "out": config.out, "model": config.model, "commit": commit, "texts": texts,
            "measures": measures, "vocabulary": vocabulary, "rows": rows, "variants": trained,
            "losses": losses, "worth": worth,
        }  # fmt: skip
        result |= chosen(worth)
        result["model_folder"] = str(put_in_place(result["kept"], places))
        write_card(config, task, result, places)
        write_json(places.report, redacted_values(result))
    return result


@quiet_transformers()
def plan(config: AdaptConfig) -> dict[str, Any]:
    """What `adapt` would do: the measures, the recommendation and a forecast.

    The texts and measures are written below `config.out`, where `adapt` finds them. Of the models none is
    trained; the forecast is of some ten steps, which are forgotten.
    """
    config, task, base = _checked(config, overwrite=False)
    with opened(config, False, base_commit(config.model, base)) as places:
        texts = gather_texts(config, task, places)
        measures = measured(config, task, texts, places, base)
    words = words_for(config, measures)
    return {
        "out": config.out, "model": config.model, "texts": texts, "measures": measures, "words": words,
        "variants": [v._asdict() for v in variants_of(config)], "seeds": config.seeds,
        "fine_tunings": 0 if task is None else (1 + len(variants_of(config))) * config.seeds,
    }  # fmt: skip


def _checked(config: AdaptConfig, overwrite: bool) -> tuple[AdaptConfig, LabelledTask | None, str]:
    """The settings, the task and the checkpoint's folder, once all settings are known to be possible.

    What takes longest comes last: folder, settings, the checkpoint (which may be fetched), the task's files.
    """
    check_folder(config, overwrite)
    for variant in variants_of(config):
        run_settings(config, variant, Places(Path(config.out)), config.model)
    task = task_of(config)
    pinned = None if overwrite else recorded_commit(config)
    base = base_folder(config.model, pinned or config.revision)
    config = config.with_length(row_length(base))
    if task is not None:
        check_task(task, base)
    return config, task, base
