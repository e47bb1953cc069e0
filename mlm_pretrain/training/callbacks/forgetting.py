"""Measures general text now and then, says and logs what is forgotten, and acts on it where it is to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.modeling.compilation import as_written
from mlm_pretrain.progress import say
from mlm_pretrain.training.agreement import first_process_value
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.checkpoints.generators import generator_states, restore_generators
from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.forgetting.guard import Guard
from mlm_pretrain.training.forgetting.ledger import Ledger
from mlm_pretrain.training.forgetting.measure import GENERAL, Taken
from mlm_pretrain.training.learning.learner import Learner
from mlm_pretrain.training.probing.pace import Moment
from mlm_pretrain.training.replay import Replay
from mlm_pretrain.training.replay.opening import AHEAD_STEPS
from mlm_pretrain.training.run_log import append_line

WAY_OUT = (
    "lower the learning rate, mix general text in (replay), or train fewer weights (lora, trains)"
)
_ROUNDING = 1e-9  # of sums of shares


class ForgettingCallback(TrainerCallback):
    """The first process measures; all of them know what came of it, and act alike.

    Args:
        config: how often, and what is done.
        guard: what is measured.
        model: the one that is trained.
        budget: of the run.
        learner: which may let the head learn first; None where it does not.
        replay: whose share may be raised.
        clock: seconds that pass.
    """

    def __init__(
        self,
        config: GuardConfig,
        guard: Guard,
        model: Any,
        budget: Budget,
        learner: Learner | None = None,
        replay: Replay | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.guard, self.model, self.budget = config, guard, model, budget
        self.learner, self.replay, self.clock = learner, replay, clock
        self.ledger = Ledger(config, guard.has_fresh_head)
        self._begun: dict[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Also when it begins again, for want of memory.
        self.restore(self._begun if state.global_step else {})
        if self.ledger.first is None and not self._is_warming(state):
            self._take(args, state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.ledger.first is None:
            is_due = not self._is_warming(state)
        else:
            is_last = self.budget.is_spent(state.global_step)
            is_due = self.guard.plan.is_due(self._moment(state), is_last)
        if is_due:
            self._take(args, state, control)

    def _is_warming(self, state: Any) -> bool:
        progress = self.budget.progress(state.global_step)
        return self.learner is not None and self.learner.is_warming(progress)

    def _moment(self, state: Any) -> Moment:
        step, budget = state.global_step, self.budget
        return Moment(step, budget.progress(step), budget.elapsed_seconds, budget.seconds)

    def _take(self, args: Any, state: Any, control: Any) -> None:
        own: Any = self._measured() if state.is_world_process_zero else None
        found: Taken = first_process_value(own)
        self.budget.tick()
        besides = found.besides_seconds + found.coming_seconds
        self.guard.plan.note(self._moment(state), found.seconds, besides)
        measure = self.ledger.note(state.global_step, found.losses, found.all_seconds)
        for name, bits in found.across.items():
            self.ledger.across.setdefault(name, {}).update(bits)
        if state.is_world_process_zero:
            self._report(Path(args.output_dir), measure, found.all_seconds)
        self._judge(state, control, measure)
        step = state.global_step
        if step and self.budget.is_spent(step):  # a budget in minutes may end with a measurement
            control.should_save = control.should_training_stop = True

    def _measured(self) -> Taken:
        """Generators go on as if nobody had asked, and nothing is compiled for these batches."""
        generators = generator_states()
        try:
            with as_written(self.model):
                return self._first() if self.ledger.first is None else self._next()
        finally:
            restore_generators(generators)

    def _next(self) -> Taken:
        began = self.clock()
        losses = self.guard.measure.losses(self.model)
        return Taken(losses, self.clock() - began)

    def _first(self) -> Taken:
        """With the rows fitted to the time, and bits of the checkpoint beside those of the model."""
        began = self.clock()
        checkpoint = self.guard.opened(next(self.model.parameters()).device)
        self.guard.fit(self.model, began, self.clock)
        found, measured = self._next(), self.clock()
        across = self._bits("before", self.model, is_old=False)
        coming = self.clock() - measured  # once more, after the last step
        if checkpoint is not None:
            for name, bits in self._bits("checkpoint", checkpoint, is_old=True).items():
                across[name] = {**bits, **across[name]}
        besides = self.clock() - began - found.seconds
        return Taken(found.losses, found.seconds, across, besides, coming)

    def _bits(self, moment: str, model: Any, is_old: bool) -> dict[str, dict[str, Any]]:
        how = (self.guard.measure.precision, self.guard.measure.batch_size)
        words = self.guard.words.items()
        found = {name: part.bits(model, is_old, *how) for name, part in words}
        return {name: {moment: bits} for name, bits in found.items() if bits is not None}

    def _report(self, out: Path, measure: dict[str, Any], seconds: float) -> None:
        step = measure["step"]
        texts = {name: measure[name] for name in self.guard.measure.texts}
        shown = ", ".join(f"{name} {loss:.4f}" for name, loss in texts.items())
        say(f"forgetting at step {step} ({seconds:.1f} s): {shown} nats, {measure['rise']:+.2%}")
        elapsed = round(self.budget.elapsed_seconds, 2)
        facts = {**texts, "rise": measure["rise"], "seconds": round(seconds, 3)}
        append_line(out, {"step": step, "seconds": elapsed, "forgetting": facts})

    def _judge(self, state: Any, control: Any, measure: dict[str, Any]) -> None:
        step, action, ledger = state.global_step, self.config.action, self.ledger
        if ledger.is_within(measure):
            if action == "stop" and step:
                state.best_global_step, state.best_metric = step, measure[GENERAL]
                control.should_save = True
            return
        if action == "stop":
            ledger.has_stopped = control.should_save = control.should_training_stop = True
            ledger.act(step, "stop", kept_step=ledger.kept_step)
            done = f": the run ends here, with the weights of step {ledger.kept_step}"
        elif action == "replay" and self._may_raise(step):
            done = self._raise_share(step)
        elif not ledger.has_acted("warn") and not self._is_waiting(step):
            ledger.act(step, "warn")
            done = f"\n  → {WAY_OUT}"
        else:
            return
        if state.is_world_process_zero:
            say(
                f"step {step}: general text costs {measure['rise']:.2%} more nats than at step "
                f"{measure['against_step']}, over the tolerance of {self.config.tolerance:.2%}{done}"
            )

    def _is_waiting(self, step: int) -> bool:
        """Whether a share that was raised does not hold yet."""
        return bool(self.replay and self.replay.changes and step < self.replay.changes[-1].step)

    def _may_raise(self, step: int) -> bool:
        """Whether more replay is allowed, and would come before the run ends."""
        assert self.replay is not None
        is_room = self.replay.share < self.config.replay_most - _ROUNDING
        is_time = self.budget.steps is None or step + AHEAD_STEPS < self.budget.steps
        is_time = is_time and not self.budget.is_spent(step)
        return is_room and is_time and not self._is_waiting(step)

    def _raise_share(self, step: int) -> str:
        """Raise the share of replay; what is said of it."""
        assert self.replay is not None
        share = min(self.config.replay_most, self.replay.share + self.config.replay_step)
        change = self.replay.change(step, round(share, 9))
        self.ledger.act(step, "replay", share=change.share, from_step=change.step)
        return f": replay's share rises to {change.share:.2f} from step {change.step} on"

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        rows = self.guard.measure.count
        return {"plan": self.guard.plan.facts(), "rows": rows, **self.ledger.facts()}

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first measurement."""
        self.guard.plan.restore(facts.get("plan", {}))
        self.guard.show(int(facts.get("rows", self.guard.asked)))
        self.ledger.restore(facts)
        self._begun = facts

    def result(self, step: int) -> dict[str, Any]:
        """What the run says of it once its model has the weights of `step`; measured where it was not."""
        if not any(measure["step"] == step for measure in self.ledger.measures):
            found = self._measured()
            self.ledger.note(step, found.losses, found.all_seconds)
        with as_written(self.model):
            after = self._bits("after", self.model, is_old=False)
        for name, bits in after.items():
            self.ledger.across.setdefault(name, {}).update(bits)
        told = self.ledger.result(step, self.budget.elapsed_seconds)
        return {**told, "rows": self.guard.rows}
