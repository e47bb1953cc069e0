"""Settings of probes while pretraining."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from mlm_pretrain.config import StrictConfig

NO_LIMIT = 1.0


class ProbesConfig(StrictConfig):
    """What a model is asked while it is trained, how often, and what is done with the answers.

    None of it changes a weight: a run with probes goes through the very steps of the run without. Only
    `stop_after`, `on_collapse` and a budget in minutes, of which probes take their share, end it earlier.

    Attributes:
        every: steps between two probings, more where they would cost more than their share. None spreads
            what the share allows evenly over the run, 20 at most. There is always one before the first
            step, which also tells what one costs, and where it is affordable one after the last.
        tasks: labelled sets, as NAME: FOLDER or as a list of FOLDER and NAME=FOLDER. Each has a train and a
            validation file of lines with `text`, maybe `text_pair`, and `label` (.jsonl, also .gz, .zst).
        rows, validation_rows: of each set's files, a sample by `seed`.
        blimp: minimal pairs in BLiMP's format, a file or a folder; `pairs` of each paradigm, a sample by
            `seed`. A pair costs a pass for each of its tokens: of all probes these take longest.
        texts: whose vectors' shape is looked at: prepared data, or files and folders as `prepare` reads
            them. None takes the run's own validation rows (its training rows where it has none);
            `shape_texts` of them, a sample by `seed`; 0 leaves the shape out.
        budget_share: of the run's time that probes may take; 1 sets no limit.
        keep_best: name of a score. The checkpoint of its best probing is never removed, and its weights
            are the run's final model. TASK/linear, TASK/neighbours, TASK/similarity; linear and neighbours,
            the means over the tasks; blimp.
        stop_after: the run ends after so many probings in a row without a better `keep_best`.
        on_collapse: "warn", or "stop" the run with an error, when the representation collapses.
    """

    every: int | None = Field(None, ge=1)
    tasks: dict[str, str] = Field(default_factory=dict)
    rows: int = Field(512, ge=6)
    validation_rows: int = Field(256, ge=1)
    blimp: str | None = None
    pairs: int = Field(3, ge=1)
    texts: str | None = None
    shape_texts: int = Field(256, ge=0)
    budget_share: float = Field(0.03, gt=0, le=NO_LIMIT)
    keep_best: str | None = None
    stop_after: int | None = Field(None, ge=1)
    on_collapse: Literal["warn", "stop"] = "warn"
    seed: int = Field(0, ge=0, lt=1 << 32)

    @field_validator("tasks", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """A list of FOLDER and NAME=FOLDER as what it stands for."""
        if isinstance(given, str):
            given = [given]
        return named_folders(given) if isinstance(given, list) else given

    @field_validator("tasks")
    @classmethod
    def _has_plain_names(cls, tasks: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name in tasks if not name or "/" in name]:
            raise ValueError(
                f"'{wrong[0]}' is no name of a task: give NAME=FOLDER, without / in NAME"
            )
        return tasks

    @model_validator(mode="after")
    def _fits_together(self) -> ProbesConfig:
        if self.stop_after is not None and self.keep_best is None:
            raise ValueError(
                "stop_after counts probings without a better score: name it by keep_best"
            )
        if self.keep_best is not None and not self.tasks and self.blimp is None:
            raise ValueError(
                f"keep_best: {self.keep_best} would be a score of labelled sets or minimal pairs: give tasks "
                "or blimp"
            )
        if self.shape_texts == 0 and self.texts is not None:
            raise ValueError("texts would do nothing, since shape_texts is 0")
        return self

    def paths(self) -> dict[str, Any]:
        """The fields that hold paths, with those that exist from the root on."""
        return {
            "tasks": {name: whole_path(folder) for name, folder in self.tasks.items()},
            "blimp": self.blimp and whole_path(self.blimp),
            "texts": self.texts and whole_path(self.texts),
        }


def named_folders(given: list[Any]) -> dict[str, str]:
    """FOLDER and NAME=FOLDER as NAME: FOLDER; a folder alone is called as it is on the disk."""
    found: dict[str, str] = {}
    for item in given:
        if not isinstance(item, str):
            raise ValueError(f"{item!r} is no folder: give FOLDER or NAME=FOLDER")
        name, separator, folder = item.partition("=")
        if not separator:
            name, folder = Path(item).name, item
        if name in found:
            raise ValueError(f"two tasks are called {name}: give NAME=FOLDER for one of them")
        found[name] = folder
    return found


def whole_path(path: str) -> str:
    """From the root on where it exists, so that a run can be resumed from another folder."""
    return str(Path(path).absolute()) if Path(path).exists() else path
