"""What each choice of the pretraining recipe is worth: the defaults beside variants of one setting.

    python -m benchmarks.recipe --train train.jsonl.gz --validation validation.jsonl.gz --work DIR
    python -m benchmarks.recipe … --arch modernbert:6x384 --max-length 512 --variants default bert
    python -m benchmarks.recipe --quick

Every variant trains the same number of tokens from the same seed and is judged by nats a token on fixed 15 %
masks, and, where `--tasks` is given, by validation scores after fine-tuning on 512 labels: a loss alone
chooses models that cannot be fine-tuned. The last few variants fine-tune the default's model in other ways.
Runs lie in `--work` and are not repeated.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.probes import TASK_KINDS, mean_score
from benchmarks.quality_data import add_text_arguments, prepare_texts
from benchmarks.record import kept, record_path, write_record
from benchmarks.refusing import refusals

# A name and the settings that differ from the defaults.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "bert": {"arch": "bert"},  # in the default's size
    "random-start": {"start": "random"},
    "rate-half": {"learning_rate": 0.5},  # of the default rate, as all rates here
    "rate-double": {"learning_rate": 2.0},
    "batch-double": {"batch_size": 2.0},  # of the default batch
    "mask-15": {"masking": {"ratio": 0.15}},
    "mask-20": {"masking": {"ratio": 0.2}},
    "mask-40": {"masking": {"ratio": 0.4}},
    "whole-words": {"masking": {"unit": "word"}},
    "decay-30": {"decay_share": 0.3},
    "decay-90": {"decay_share": 0.9},
    "muon": {"optimizer": "muon"},
    "muon-rate-double": {"optimizer": "muon", "learning_rate": 2.0},
}
# The same of fine-tuning, from the default's model.
TUNINGS: dict[str, dict[str, Any]] = {
    "tuned-embeddings-1": {"embedding_rate": 1.0},
    "tuned-embeddings-0.3": {"embedding_rate": 0.3},
    "tuned-embeddings-0": {"embedding_rate": 0.0},
}


def main() -> None:
    """Make the runs that are missing, print a table, write the record."""
    arguments = _parse()
    with refusals(), tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        prepare_texts(
            work, arguments.train, arguments.validation, arguments.max_length, arguments.quick
        )
        rows = [_row(work, name, arguments) for name in arguments.variants]
    _print(rows)
    given = ("corpus", "arch", "max_length", "tokens", "batch_tokens", "probes", "labels", "seeds")
    settings = {name: getattr(arguments, name) for name in given}
    name = f"recipe-{arguments.arch.replace(':', '-')}-{arguments.max_length}"
    path = record_path(name, arguments.out, arguments.quick)
    print("record:", write_record(name, settings, {"rows": rows}, path))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_text_arguments(parser)
    parser.add_argument("--tasks", type=Path, help="folder of the tasks; default: loss only")
    parser.add_argument("--probes", nargs="+", choices=list(TASK_KINDS), default=["trec"])
    parser.add_argument("--arch", default="modernbert:4x256")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=1_200_000, help="to train each variant on")
    parser.add_argument("--batch-tokens", type=int, default=1_024, help="of a default step")
    names = [*VARIANTS, *TUNINGS]
    parser.add_argument(
        "--variants", nargs="+", choices=names, help="default: all there is to judge"
    )
    parser.add_argument("--labels", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="under a minute: two tiny runs")
    parser.add_argument("--out", type=Path, help="where to write the record")
    arguments = parser.parse_args()
    if not arguments.variants:
        arguments.variants = names if arguments.tasks else list(VARIANTS)
    if arguments.quick:
        arguments.arch, arguments.tokens = "modernbert:2x128", 20_000
        arguments.variants = ["default", "random-start"]
    return arguments


def _row(work: Path, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    trained = name if name in VARIANTS else "default"
    size = f"{arguments.arch.replace(':', '-')}-{arguments.max_length}"
    folder = work / f"recipe-{size}-{arguments.tokens}-{arguments.batch_tokens}-{trained}"
    path = folder.with_name(f"{folder.name}.json")
    facts = kept(path, lambda: _train(work, folder, trained, arguments))
    probes = arguments.probes if arguments.tasks else []
    return {"variant": name, **facts, **{p: _probe(folder, name, p, arguments) for p in probes}}


def _probe(folder: Path, name: str, task: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Scores of the model in `folder`, fine-tuned as the variant says; from beside it if they are there."""
    suffix = f".{name}" if name in TUNINGS else ""
    probe = f"{task}-{arguments.labels}-{arguments.seeds}"
    path = folder.with_name(f"{folder.name}{suffix}.{probe}.json")
    given = (str(folder / "export"), arguments.tasks, task, arguments.labels, arguments.seeds)
    return kept(path, lambda: mean_score(*given, **TUNINGS.get(name, {})))


def _train(work: Path, folder: Path, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    from mlm_pretrain.evaluation.perplexity import evaluate
    from mlm_pretrain.export import export
    from mlm_pretrain.training.assembling import assemble
    from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

    length = arguments.max_length
    rows = max(1, arguments.batch_tokens // length)
    base = PretrainConfig(
        data=str(work / f"data-{length}"), out=str(folder), arch=arguments.arch,
        batch_size=rows, steps=arguments.tokens // (rows * length),
    )  # fmt: skip
    changes = dict(VARIANTS[name])
    if "arch" in changes:
        changes["arch"] = re.sub(r"^[a-z0-9]+", changes["arch"], arguments.arch)
    if "learning_rate" in changes:
        changes["learning_rate"] *= assemble(base).config.learning_rate
    if "batch_size" in changes:
        changes["batch_size"] = round(changes["batch_size"] * rows)
        changes["steps"] = arguments.tokens // (changes["batch_size"] * length)
    config = PretrainConfig.model_validate({**base.model_dump(), **changes})
    result = pretrain(config, overwrite=True)
    export(folder, folder / "export", overwrite=True)
    loss = evaluate(folder / "export", work / "validation.jsonl", max_length=length)["loss_nats"]
    facts = {name: result[name] for name in ("tokens", "seconds", "steps", "precision")}
    return {"loss_nats": round(loss, 4), **facts}


def _print(rows: list[dict[str, Any]]) -> None:
    probes = [name for name in TASK_KINDS if name in rows[0]]
    print(f"{'variant':22}{'tokens':>12}{'seconds':>10}{'nats':>8}", *(f"{p:>8}" for p in probes))
    for row in rows:
        facts = f"{row['tokens']:>12,}{row['seconds']:>10.0f}{row['loss_nats']:>8.3f}"
        print(f"{row['variant']:22}{facts}", *(f"{row[p]['validation']:>8.1f}" for p in probes))


if __name__ == "__main__":
    main()
