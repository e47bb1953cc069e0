"""Settings of a pretraining run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.modeling.attention import AttentionChoice
from mlm_pretrain.modeling.vocabulary_growth import NewRows
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.together.config import Balance, Part, Way, fault_of, joined_name
from mlm_pretrain.precision import Precision
from mlm_pretrain.training.callbacks.loss_watch import SPIKE_NATS
from mlm_pretrain.training.curriculum.config import CurriculumConfig
from mlm_pretrain.training.forgetting.config import GuardConfig
from mlm_pretrain.training.learning.config import LoraConfig, TrainsConfig
from mlm_pretrain.training.optimizers import OptimizerName
from mlm_pretrain.training.probing.config import ProbesConfig
from mlm_pretrain.training.replay.config import ReplayConfig


class PretrainConfig(StrictConfig):
    """What to train, on what, how long and how.

    Attributes:
        data: a folder that `prepare` wrote (a recipe that prepares its own leaves it out).
        out: folder of the run: checkpoints, log, final model.
        name: of this run among others, shown beside its progress and in the model's card.
        objective: what the model learns to predict, a name in `objectives/README.md`.
        objective_settings: of the objective itself, such as `causal_share` of "hybrid". How it masks is said
            by `masking`.
        objectives: several of them on one encoder, each with a weight and settings of its own, in place of
            `objective` (see `objectives/together`).
        together: how the parts share the data. "sum": each learns from every row, in a pass of its own;
            "share": each row goes to one part, drawn by the weights.
        balance: a further factor for each part's loss. "uncertainty" learns it; "gradient" computes it, so
            that the parts' gradients are equally large before their weights count; "none": no factor.
        arch: FAMILY-SIZE, FAMILY:LAYERSxHIDDEN, or the path of a config.json; unused with `init`.
        init: checkpoint to continue from, a folder or a Hub name; `revision` pins the latter.
        positions: tokens that a fresh model has room for, where later training will need more than the data
            here has in a row. None is the length of the data.
        follows: folder of a finished run to go on from as its next phase (see `following`): from its weights,
            with its learning rate unless another is given, and with draws that it has not used; or a
            checkpoint in the folder of a run, finished or not, for as long as it is kept there. In place of
            `arch` and `init`.
        optimizer_state: of the run that `follows` names. "carried" goes on with it, parameter by parameter by
            name; "fresh" begins anew; "auto" carries it where the optimiser is the same.
        start: of what is fresh. "informed" counts which tokens stand near which in the data for a model's
            embeddings, and lets heads of models with learned positions begin at neighbouring tokens:
            seconds, and worth many minutes of training. A masked-LM head that a checkpoint lacks gets how
            frequent each token is; so does a fresh generator beside a checkpoint, whose first layers it
            gets too, and the head that judges what it fills gets how much that is. "random" does none of
            it; an encoder with a decoder always begins so, and a run that `follows` another goes on.
        trains: which of the model's weights learn (see `TrainsConfig`).
        lora: a low-rank change learns in place of the matrices (see `LoraConfig`); None changes these.
        new_rows_rate: a factor on the learning rate of what tokens have to themselves that were added to the
            checkpoint's vocabulary: their vectors, and their part of the output layer.
        head_warmup_share: of the run, in which only the head and the vectors of added tokens learn. A fresh
            head begins as the identity and not as noise, so that the layers lose nothing by learning at once:
            see `learner`.
        steps, epochs, minutes: how long; exactly one (one epoch when none is given).
        batch_size: rows a process takes at a time; `accumulation` of them make a step. 0 follows
            `defaults.default_batch_size`; with `follows`, as many tokens as there.
        learning_rate: peak, in AdamW's units for both optimisers. 0 follows
            `defaults.default_learning_rate`; with `follows`, the peak there.
        warmup_share, decay_share: of the run, for the rise to the peak and the line to zero; 0 leaves it out.
        new_rows: with `init`, how rows for the entries of an extended tokenizer are made of those of their
            pieces, "mean" or "weighted" (see `modeling/vocabulary_growth`).
        dropout: of the layers; None: 0 in new ones, else what the checkpoint or the run before has. The
            exported model of a run from a checkpoint has the checkpoint's, whatever it was trained with.
        max_grad_norm: gradients are scaled down to this norm.
        curriculum: easy rows first, in runs by steps or epochs; None shuffles all of them.
        replay: rows of other text among those of `data` (see `ReplayConfig`), so that what a checkpoint knew
            is not forgotten; None mixes in none.
        workers: processes that make batches; 0 makes them in the training process. None is 2 on a GPU,
            which must not wait, and 0 on a processor, which they would share.
        validate_every: steps between validation losses; 0 validates at the end alone.
        probes: what the model is asked while it is trained, without fine-tuning (see `ProbesConfig`); None
            asks nothing.
        guard: how well general text is still predicted meanwhile, and what is done when it is not (see
            `GuardConfig`); None does not look.
        checkpoint_minutes: minutes between checkpoints; `keep_checkpoints` of them are kept.
        on_spike: when a loss is no number or lies far above those before. "stop" ends the run before the
            update; "skip" goes back to the last checkpoint and passes over the last batches before the spike.
        spike_nats: how far above the last steps' median is far (8 standard deviations where that is more).
        precision: "auto" takes bf16 where the hardware has it.
        attention: method of packed attention, equal but for rounding: "products8" and "products32" multiply
            segments of like length in batches, "fused" takes PyTorch's kernel for each (but not with dropout
            on processors, where it has none), "varlen" its variable-length kernel on GPUs, "masks" keeps rows
            and masks. "auto" measures on the data.
        compile: compile the model's layers first, which takes minutes and pays on GPUs.
    """

    data: str = ""
    out: str = ""
    name: str = ""
    objective: str = "mlm"
    objective_settings: dict[str, Any] = Field(default_factory=dict)
    objectives: list[Part] = Field(default_factory=list)
    together: Way = "sum"
    balance: Balance = "none"
    arch: str | None = None
    init: str | None = None
    revision: str | None = None
    positions: int | None = Field(None, ge=1)
    follows: str | None = None
    optimizer_state: Literal["auto", "carried", "fresh"] = "auto"
    start: Literal["informed", "random"] = "informed"
    trains: TrainsConfig = TrainsConfig()
    lora: LoraConfig | None = None
    new_rows_rate: float = Field(1.0, gt=0)
    head_warmup_share: float = Field(0.0, ge=0, lt=1)
    steps: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    batch_size: int = Field(0, ge=0)
    accumulation: int = Field(1, ge=1)
    optimizer: OptimizerName = "adamw"
    learning_rate: float = Field(0.0, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    warmup_share: float = Field(0.05, ge=0, le=1)
    decay_share: float = Field(0.6, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0)
    new_rows: NewRows = "mean"
    dropout: float | None = Field(None, ge=0, lt=1)
    masking: MaskedConfig = MaskedConfig()
    curriculum: CurriculumConfig | None = None
    replay: ReplayConfig | None = None
    seed: int = Field(0, ge=0, lt=1 << 32)
    workers: int | None = Field(None, ge=0)
    log_every: int = Field(20, ge=1)
    validate_every: int = Field(0, ge=0)
    probes: ProbesConfig | None = None
    guard: GuardConfig | None = None
    checkpoint_minutes: float = Field(10.0, gt=0)
    keep_checkpoints: int = Field(2, ge=1)
    on_spike: Literal["stop", "skip"] = "stop"
    spike_nats: float = Field(SPIKE_NATS, gt=0)
    precision: Precision = "auto"
    attention: AttentionChoice = "auto"
    compile: bool = False

    @model_validator(mode="after")
    def _asks_for_objectives(self) -> PretrainConfig:
        if self.objectives:
            self._take_parts()
        elif self.objective not in OBJECTIVES:
            raise ValueError(f"objective: no such objective; known: {', '.join(OBJECTIVES)}")
        elif (self.together, self.balance) != ("sum", "none"):
            raise ValueError("together and balance say how `objectives` go together: give these")
        return self

    def _take_parts(self) -> None:
        """The parts' names in place of the one; settings that were recorded have them there already."""
        name = joined_name(self.objectives)
        is_given = "objective" in self.model_fields_set and self.objective != name
        if is_given or self.objective_settings:
            raise ValueError(
                "give objective (with objective_settings) or objectives (with settings of each), not both"
            )
        if fault := fault_of(self.objectives):
            raise ValueError(f"objectives: {fault}")
        self.objective = name

    @model_validator(mode="after")
    def _fits_together(self) -> PretrainConfig:
        given = [n for n in ("steps", "epochs", "minutes") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(
                f"give only one of steps, epochs and minutes, not {' and '.join(given)}"
            )
        if self.warmup_share + self.decay_share > 1:
            raise ValueError("warmup_share + decay_share must not exceed 1")
        self._check_start()
        self._check_guard()
        if self.curriculum is not None and self.replay is not None:
            raise ValueError(
                "a curriculum ranks the rows of one text: leave out curriculum or replay"
            )
        if self.curriculum is not None and self.minutes is not None:
            raise ValueError(
                "a curriculum needs the length of the run: give steps or epochs, not minutes"
            )
        return self

    def _check_guard(self) -> None:
        """A guard of something that is there, with what its action needs, and one choice of the weights."""
        if self.guard is None:
            return
        if self.init is None and self.follows is None:
            raise ValueError("guard looks after what a checkpoint knows: give init or follows")
        if self.guard.action == "replay" and self.replay is None:
            raise ValueError(
                "guard.action replay raises a share: give replay, whose share may be 0"
            )
        if self.guard.action == "stop" and self.probes is not None and self.probes.keep_best:
            raise ValueError(
                "guard.action stop and probes.keep_best both choose the final weights: give one of them"
            )

    def _check_start(self) -> None:
        """One beginning, and what belongs to it."""
        if self.arch is not None and self.init is not None:
            raise ValueError("give arch (random weights) or init (a checkpoint), not both")
        others = [n for n in ("arch", "init", "positions") if getattr(self, n) is not None]
        if self.follows is not None and others:
            raise ValueError(f"follows goes on from another run's model: leave out {others[0]}")
        if self.lora is not None and self.init is None and self.follows is None:
            raise ValueError("lora changes a checkpoint: give init, or a run that this one follows")
        if self.lora is not None and not self.trains.is_all:
            raise ValueError(
                "lora leaves the model's own weights as they are: leave out trains or lora"
            )
        if self.follows is None and self.optimizer_state != "auto":
            raise ValueError("optimizer_state is that of another run: name it by follows")
