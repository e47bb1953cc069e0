"""Asks the probes now and then, says and logs what they answer, and acts on it where it is to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.progress import say
from mlm_pretrain.training.agreement import first_process_value
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.checkpoints.finding import way_back
from mlm_pretrain.training.checkpoints.generators import generator_states, restore_generators
from mlm_pretrain.training.probing.config import ProbesConfig
from mlm_pretrain.training.probing.pace import Moment, Pace
from mlm_pretrain.training.probing.standing import WAY_OUT, Collapsed, Standing
from mlm_pretrain.training.run_log import append_line

_JUDGED_FROM = 0.05  # of a run by steps: before, how long it will take is not known


class ProbingCallback(TrainerCallback):
    """The first process asks; all of them know what came of it.

    Args:
        config: how often, and what is done with the answers.
        score: asks the model as it is, and leaves it as it was.
        budget: of the run, whose time probings take.
        clock: seconds that pass.
    """

    def __init__(
        self,
        config: ProbesConfig,
        score: Callable[[], dict[str, float]],
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.score, self.budget, self.clock = config, score, budget, clock
        self.pace = Pace(config.every, config.budget_share)
        self.standing = Standing(config.keep_best, config.stop_after)
        self._said: set[object] = set()
        self._begun: dict[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Also when it begins again, for want of memory.
        self.restore(self._begun if state.global_step else {})
        if not self.pace.count:
            self._probe(args, state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        moment, is_last = self._moment(state), self.budget.is_spent(state.global_step)
        if self.pace.is_due(moment, is_last):
            self._probe(args, state, control)
        if state.is_world_process_zero:
            self._say_pace(moment)

    def _moment(self, state: Any) -> Moment:
        step, budget = state.global_step, self.budget
        return Moment(step, budget.progress(step), budget.elapsed_seconds, budget.seconds)

    def _probe(self, args: Any, state: Any, control: Any) -> None:
        found: Any = self._scores() if state.is_world_process_zero else None
        scores, cost_seconds = first_process_value(found)
        step = state.global_step
        self.budget.tick()
        self.pace.note(self._moment(state), cost_seconds)
        if state.is_world_process_zero:
            self._report(Path(args.output_dir), step, scores)
        if self.standing.take(step, scores):
            state.best_global_step, state.best_metric = step, self.standing.best_score
            control.should_save = True
        self._judge(Path(args.output_dir), state, control, scores)

    def _scores(self) -> tuple[dict[str, float], float]:
        """The answers and the seconds they took; random generators go on as if nobody had asked."""
        before, began = generator_states(), self.clock()
        try:
            return self.score(), self.clock() - began
        finally:
            restore_generators(before)

    def _report(self, out: Path, step: int, scores: dict[str, float]) -> None:
        seconds = self.pace.cost_seconds
        say(f"probes at step {step} ({seconds:.1f} s): {self.standing.describe(scores)}")
        answers = {"step": step, "seconds": round(seconds, 3), "scores": scores}
        elapsed = round(self.budget.elapsed_seconds, 2)
        append_line(out, {"step": step, "seconds": elapsed, "probes": answers})

    def _judge(self, out: Path, state: Any, control: Any, scores: dict[str, float]) -> None:
        """Whether the run goes on."""
        is_first, step = state.is_world_process_zero, state.global_step
        if step and (found := self.standing.collapse(scores)):
            problem = f"step {step}: the representation collapses ({found})"
            if self.config.on_collapse == "stop":
                raise Collapsed(problem, f"{WAY_OUT}; {way_back(out)}")
            if is_first:
                say(f"{problem}\n  → {WAY_OUT}")
        if self.standing.has_stopped:
            if is_first:
                say(
                    f"step {step}: {self.config.stop_after} probings without a better "
                    f"{self.config.keep_best} than {self.standing.best_score:.1f} at step "
                    f"{self.standing.best_step}: the run ends here"
                )
            control.should_save = control.should_training_stop = True
        elif step and self.budget.is_spent(step):  # a budget in minutes may end with a probing
            control.should_save = control.should_training_stop = True

    def _say_pace(self, moment: Moment) -> None:
        """Once, when the share does not allow what was asked for."""
        pace, limit = self.pace, f"{self.config.budget_share:.1%} of the time"
        if pace.stretch > 1 and pace.stretch not in self._said:
            say(
                f"probes take {pace.cost_seconds:.1f} s each: every {pace.every} steps they would be more "
                f"than {limit}, so it is every {(pace.every or 1) * pace.stretch}"
            )
            self._said.add(pace.stretch)
        is_judged = moment.progress >= _JUDGED_FROM or moment.total_seconds is not None
        is_over = pace.affordable(moment) < 1 and pace.last_step < moment.step
        if is_over and is_judged and "end" not in self._said:
            say(
                f"no more probes from step {moment.step} on: another {pace.cost_seconds:.1f} s would be more "
                f"than {limit}; raise budget_share, or draw fewer rows, shape_texts and pairs"
            )
            self._said.add("end")

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"pace": self.pace.facts(), "standing": self.standing.facts()}

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first probing."""
        self.pace.restore(facts.get("pace", {}))
        self.standing.restore(facts.get("standing", {}))
        self._begun = facts

    def result(self) -> dict[str, Any]:
        """What the run says of its probes: how many, their time and its share, the last scores, the best."""
        spent, whole = self.pace.spent_seconds, self.budget.elapsed_seconds
        found: dict[str, Any] = {
            "probings": self.pace.count,
            "seconds": round(spent, 2),
            "share_of_time": round(spent / max(whole, 1e-9), 4),
            "scores": self.standing.last,
        }
        if self.standing.best_score is not None:
            found["best"] = {
                "score": self.config.keep_best, "value": self.standing.best_score,
                "step": self.standing.best_step,
            }  # fmt: skip
        return found
