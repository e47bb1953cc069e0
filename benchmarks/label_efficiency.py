"""How many labels pretraining saves: scores at 32, 64, … labels, and what random weights need for the same.

    python -m benchmarks.label_efficiency MODEL --task sentiment:data/trec --task ner:data/wnut17 \\
        --work DIR [--labels 32 64 128 256 512] [--seeds 5]

Each number of labels is drawn anew for every seed, the same for all three: the checkpoint, the same
architecture from random weights, and (for labels of texts) TF-IDF with logistic regression. What random
weights need is looked for on their curve, which goes on to all labels there are. With `--against tfidf`
there are no random weights, and what words alone need is looked for instead, which takes no training.
Intervals are over test examples (of questions: paragraphs) and seeds. Runs lie in `--work` and are not made
again there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.record import RESULTS, add_entries, circumstances
from benchmarks.report_sections import YARDSTICKS, mean_text, saving_text
from benchmarks.tfidf import tfidf_rows
from mlm_pretrain.compare import Grid, LabelledTask, parse_task, scored_metric
from mlm_pretrain.compare.grid import predictions
from mlm_pretrain.evaluation.statistics import Scorer, drawn_count, labels_saved, scorer
from mlm_pretrain.finetune.sources import read_rows

_DOUBLINGS = (32, 64, 128, 256, 512)
Rows: TypeAlias = list[dict[str, Any]]
# Labels (None: all) and a seed → rows of predictions.
Learner: TypeAlias = Callable[[int | None, int], Rows]


def main() -> None:
    """Make the runs that are missing, print a table a task, write the record."""
    arguments = _parse()
    tasks = [parse_task(text).over(arguments.settings) for text in arguments.task]
    settings = {"arch": arguments.arch, "settings": arguments.settings}
    for task in tasks:
        scored_metric(task, arguments.model)  # refused before anything is run
        if arguments.against == "tfidf" and task.kind != "sentiment":
            raise SystemExit(f"--against tfidf: is for labels of texts, not for {task.kind}")
    for task in tasks:
        found = task_result(task, arguments)
        _print(task.name, found)
        entry = {**circumstances(settings), **found}
        add_entries("label_efficiency", {f"{task.name}, {arguments.name}": entry}, arguments.out)
    print("record:", arguments.out)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder or Hub name of an encoder")
    parser.add_argument("--name", default="pretrained", help="what the record calls it")
    parser.add_argument("--task", action="append", required=True, metavar="KIND:FOLDER")
    parser.add_argument("--labels", type=int, nargs="+", default=list(_DOUBLINGS))
    parser.add_argument(
        "--against", choices=("random", "tfidf"), default="random", help="whose labels are counted"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--work", type=Path, required=True, help="where runs lie")
    parser.add_argument("--arch", default="", help="what the record says of the architecture")
    parser.add_argument("--settings", type=json.loads, default={}, help="of finetune, as JSON")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "label_efficiency.json", help="the record to add to"
    )
    return parser.parse_args()


def task_result(task: LabelledTask, arguments: argparse.Namespace) -> dict[str, Any]:
    """Curves of scores in percent, and what is saved at every number of labels."""
    everything = len(read_rows(task.settings["train"], "train"))
    metric = scored_metric(task, arguments.model)
    few = sorted({labels for labels in arguments.labels if labels <= everything})
    if not few:
        raise SystemExit(f"{task.name} has {everything} labels in all: give --labels below that")
    many = [*few, *_further(few[-1], everything)]
    learners = _learners(task, arguments)
    seeds = range(arguments.seeds)
    rows: dict[str, dict[int, list[Rows]]] = {}
    for name, learn in learners.items():
        counts = few if name == "pretrained" else many
        rows[name] = {n: [learn(None if n == everything else n, s) for s in seeds] for n in counts}
    curves = {name: _scorers(task.kind, metric, of_learner) for name, of_learner in rows.items()}
    scored = rows["pretrained"][few[0]][0]
    drawn = drawn_count(scored)
    saved = labels_saved(curves["pretrained"], curves[arguments.against], drawn)
    return {
        "metric": metric, "scored": task.scored_split, "examples": len(scored),
        "train_examples": everything, "seeds": arguments.seeds, "against": arguments.against,
        "scores": {name: _scores(curve, drawn) for name, curve in curves.items()},
        "saved": [asdict(saving) for saving in saved],
    }  # fmt: skip


def _further(last: int, everything: int) -> list[int]:
    """Doublings beyond the last number of labels, and all."""
    found = []
    while (last := 2 * last) < everything:
        found.append(last)
    return [*found, everything]


def _learners(task: LabelledTask, arguments: argparse.Namespace) -> dict[str, Learner]:
    grid = Grid(arguments.work)

    def tuned(labels: int | None, seed: int, **more: Any) -> Rows:
        given = task.over({"max_train_examples": labels, **more})
        return predictions(grid.run(arguments.model, given, seed))

    learners: dict[str, Learner] = {"pretrained": tuned}
    if arguments.against == "random":
        learners["random"] = lambda labels, seed: tuned(labels, seed, random_weights=True)
    if task.kind == "sentiment":
        learners["tfidf"] = lambda labels, seed: tfidf_rows(task, labels, seed)
    return learners


def _scorers(kind: str, metric: str, rows: dict[int, list[Rows]]) -> dict[int, list[Scorer]]:
    return {n: [scorer(kind, metric, of_seed) for of_seed in of_n] for n, of_n in rows.items()}


def _scores(curve: dict[int, list[Scorer]], drawn: int) -> dict[str, list[float]]:
    """In percent, of each seed."""
    import numpy as np

    whole = np.ones((1, drawn), int)
    return {str(n): [round(100 * float(s(whole)[0]), 2) for s in of_n] for n, of_n in curve.items()}


def _print(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {found['metric']} of {found['scored']} in percent, {found['seeds']} seeds")
    learners, against = list(found["scores"]), YARDSTICKS[found["against"]]
    print(
        f"{'labels':>8}" + "".join(f"{learner:>14}" for learner in learners) + f"  {against} need"
    )
    saved = {str(saving["labels"]): saving for saving in found["saved"]}
    for labels in found["scores"][found["against"]]:
        scores = [found["scores"][learner].get(labels) for learner in learners]
        cells = ["" if of is None else mean_text(of) for of in scores]
        row = "".join(f"{cell:>14}" for cell in cells)
        print(f"{labels:>8}{row}  {saving_text(saved.get(labels), against)}")


if __name__ == "__main__":
    main()
