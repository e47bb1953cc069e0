"""Adapting a checkpoint to a domain, here and by the libraries' own example, for the same minutes.

    python -m benchmarks.adaptation --model MODEL --corpus TEXT --general TEXT --task ner:FOLDER \\
        --work DIR [--control TEXT] [--minutes 30] [--words 2000] [--seeds 5] \\
        [--settings '{"replay_share": 0.3, "pretrain": {"dropout": 0}}']

Ours is what `mlm-pretrain adapt` does: words of the domain, general text replayed, a guard, and what
`--settings` says of it. Stock is what the example does with a checkpoint: tokenise, join, cut, `Trainer` with
its defaults (5e-5, 8 rows, fp32, 15 % masks), the head at random where there was none. Both are fine-tuned
alike on the task over seeds, beside the checkpoint itself. Their losses on held-out text of the domain and on
general text are in bits a byte, since their vocabularies differ; a model that finds replaced tokens
(`"objective": "replaced"`) has none. Both get the corpus without the task's test texts. Nothing else should
run on the machine. What is there of `--work` is not made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.record import child_result, kept, write_record
from mlm_pretrain.adapting import AdaptConfig, adapt
from mlm_pretrain.adapting.losses import losses_of
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.compare import LabelledTask, parse_task
from mlm_pretrain.config import build_config
from mlm_pretrain.worth import Variant, worth
from mlm_pretrain.worth.measuring import RUNS

_OF_BOTH = {
    "model", "out", "corpus", "general", "control", "minutes", "steps", "finetune", "seeds",
}  # fmt: skip
_BATCH_ROWS, _LEARNING_RATE = 8, 5e-5  # the defaults of `TrainingArguments`


def main() -> None:
    """Make what is missing, print who gains what, write the record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_train_stock(arguments)))
        return
    task = parse_task(arguments.task).over(arguments.finetune)
    ours = adapt(_config(arguments, task))
    stock = kept(arguments.work / "stock.json", partial(_stock, arguments))
    results = _judged(arguments, task, ours, stock)
    print("\n".join(results["worth"]["sentences"]))
    names = ("minutes", "words", "seeds", "length", "settings", "finetune")
    settings = {name: getattr(arguments, name) for name in names}
    settings["model"] = Path(arguments.model).name
    print("record:", write_record("adaptation", settings, results, arguments.out))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpus", required=True, help="text of the domain")
    parser.add_argument("--general", required=True, help="text like that of the checkpoint")
    parser.add_argument("--control", help="text of another domain")
    parser.add_argument("--task", required=True, metavar="KIND:FOLDER")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--words", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--length", type=int, default=128, help="tokens of a row")
    parser.add_argument("--settings", type=json.loads, default={}, help="more of ours, as JSON")
    parser.add_argument("--finetune", type=json.loads, default={}, help="settings, as JSON")
    parser.add_argument("--out", type=Path, help="where to write the record")
    parser.add_argument("--child", choices=("stock",), help=argparse.SUPPRESS)
    return parser.parse_args()


def _config(arguments: argparse.Namespace, task: LabelledTask) -> AdaptConfig:
    files = {name: task.settings.get(name) for name in ("train", "validation", "test")}
    others = {name: value for name, value in task.settings.items() if name not in files}
    given = {
        "model": arguments.model, "out": str(arguments.work / "ours"), "corpus": [arguments.corpus],
        "general": [arguments.general], "task": task.kind, **files, "finetune": others,
        "minutes": arguments.minutes, "words": arguments.words, "seeds": arguments.seeds,
        "variants": ["dapt", *(["control"] if arguments.control else [])],
        **({"control": [arguments.control]} if arguments.control else {}),
        **_own_settings(arguments),
    }  # fmt: skip
    return build_config(AdaptConfig, given, "settings")


def _own_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """`--settings`, but for what stock is given too: the same text, minutes, rows and fine-tuning."""
    if wrong := sorted(_OF_BOTH & arguments.settings.keys()):
        raise SystemExit(f"--settings: {wrong[0]} is of both: it has an option, or cannot be set")
    rows = {**arguments.settings.get("prepare", {}), "max_length": arguments.length}
    return {**arguments.settings, "prepare": rows}


def _stock(arguments: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own."""
    names = ("model", "corpus", "general", "task", "work", "minutes", "length")
    given = {name: getattr(arguments, name) for name in names}
    return child_result("benchmarks.adaptation", {**given, "child": "stock"})


def _train_stock(arguments: argparse.Namespace) -> dict[str, Any]:
    from transformers import AutoModelForMaskedLM, AutoTokenizer, set_seed

    from benchmarks.stock import stock_blocks, train_for, trainer_of

    text = Places(arguments.work / "ours").learnt("domain")
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    blocks = stock_blocks(text, tokenizer, arguments.length, arguments.work / "cache")

    def make(steps: int) -> Any:
        set_seed(0)
        model = AutoModelForMaskedLM.from_pretrained(arguments.model)
        return trainer_of(
            model, tokenizer, blocks, output_dir=str(arguments.work / "stock"), max_steps=steps,
            learning_rate=_LEARNING_RATE, per_device_train_batch_size=_BATCH_ROWS,
        )  # fmt: skip

    trainer, minutes = train_for(make, arguments.minutes * 60)
    folder = arguments.work / "stock" / "model"
    trainer.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    steps = trainer.state.global_step
    tokens = steps * _BATCH_ROWS * arguments.length
    return {"minutes": minutes, "steps": steps, "tokens": tokens, "folder": str(folder)}


def _judged(
    arguments: argparse.Namespace, task: LabelledTask, ours: dict[str, Any], stock: dict[str, Any]
) -> dict[str, Any]:
    """Gains over the checkpoint and of ours over stock, and what either does to held-out text."""
    runs = {"dapt": ours["variants"]["dapt"], "stock": {**stock, "seconds": 60 * stock["minutes"]}}
    models = {"dapt": runs["dapt"]["model_folder"], "stock": stock["folder"]}
    cost = {n: {k: float(run[k]) for k in ("seconds", "tokens")} for n, run in runs.items()}
    # Asked as a control is: whether ours is better than what as much training gives without its parts.
    variants = [
        Variant("base", arguments.model, "base"),
        Variant("dapt", models["dapt"], "adapted", cost["dapt"]),
        Variant("stock", models["stock"], "control", cost["stock"]),
    ]
    places, beside = Places(arguments.work / "ours"), arguments.work / "beside-stock"
    # The proof of ours has fine-tuned two of them already, and its page stays what it is.
    shutil.copytree(places.proof / RUNS, beside / RUNS, dirs_exist_ok=True)
    found = worth(variants, [task], beside, seeds=arguments.seeds)
    losses = losses_of({"base": arguments.model, **models}, places, arguments.length)
    parts = ("verdict", "sentences", "cautions", "comparisons", "tasks", "variants")
    return {
        "vocabulary": ours["vocabulary"], "runs": runs, "losses": losses,
        "worth": {name: found[name] for name in parts}, "adapt": _told(ours),
    }  # fmt: skip


def _told(ours: dict[str, Any]) -> dict[str, Any]:
    """Of our own proof, which has the control on another domain, what the table shows."""
    proof = ours["worth"]
    return {name: proof[name] for name in ("verdict", "sentences", "comparisons", "tasks")}


if __name__ == "__main__":
    main()
