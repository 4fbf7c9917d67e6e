"""``TrainerRecorder``: what the Hugging Face Trainer does, told to a :class:`RunRecorder`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from falsifiable.recorder.record import RunRecorder

if TYPE_CHECKING:
    import torch
    from transformers import TrainerControl, TrainerState, TrainingArguments

PHASE = "train"

# What the Trainer logs, under the names of our own log.
_NAMES = {"loss": "loss", "learning_rate": "lr", "grad_norm": "grad_norm", "eval_loss": "val_loss"}


class TrainerRecorder(TrainerCallback):  # type: ignore[misc]
    """A callback that records what a Trainer does, while the context of ``recorder`` is open around ``train()``::

        with RunRecorder(folder, command=..., seed=0, device="cuda", dtype="float32", data=..., steps=None) as recorder:
            trainer = Trainer(model, args, callbacks=[TrainerRecorder(recorder)], ...)
            trainer.train()

    Device and dtype are read from the model's tensors, the shape of a batch from the first one that the model gets.
    ``args.output_dir`` must lie in the run folder, so that the record can name its checkpoints. A loss is the mean
    since the one logged before it; set ``logging_nan_inf_filter=False``, or the Trainer leaves out of that mean every
    loss that is no number, and a run that diverges looks sound.
    """

    def __init__(self, recorder: RunRecorder, *, phase: str = PHASE) -> None:
        """Tell ``recorder`` of everything; rows of the log are of ``phase``."""
        self._recorder = recorder
        self._phase = phase
        self._first_step = 0
        self._began = 0.0
        self._waiting: tuple[int, dict[str, float]] | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        *,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer | None = None,
        **_: Any,
    ) -> None:
        """Record the state before the first step, and on how many processes it is."""
        self._recorder.checked_inside(Path(args.output_dir))
        self._began, self._first_step = time.monotonic(), state.global_step
        self._recorder.window(state.global_step, state.max_steps)
        self._recorder.observe_seed()
        self._recorder.observe_model(model)
        self._recorder.observe_launch()
        if optimizer is not None:
            self._recorder.observe_optimizer(optimizer)
        self._observe_first_batch(model, args.gradient_accumulation_steps)
        self._recorder.save()

    def on_step_begin(self, _args: TrainingArguments, _state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """What was logged at the step before is complete now."""
        self._write_row()

    def on_step_end(self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Record that one more step has been taken."""
        self._recorder.steps_done(state.global_step - self._first_step)

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        *,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Keep what is logged; the losses of training and of evaluation come one after the other, and make one row."""
        values = {ours: float(logs[theirs]) for theirs, ours in _NAMES.items() if logs and theirs in logs}
        if not values:
            return  # the summary, whose train_loss is a mean over the run
        if self._waiting is not None and self._waiting[0] != state.global_step:
            self._write_row()
        row = {} if self._waiting is None else self._waiting[1]
        self._waiting = (state.global_step, {**row, **values, "seconds": round(time.monotonic() - self._began, 3)})
        for name, metric in (("loss", "train_loss"), ("val_loss", "val_loss")):
            if name in values:
                self._recorder.metric(metric, values[name], state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any) -> None:
        """Record the checkpoint that was saved, and judge it where the recorder was asked to."""
        self._write_row()
        self._recorder.checkpoint(Path(args.output_dir) / f"checkpoint-{state.global_step}", state.global_step)

    def on_train_end(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        *,
        model: torch.nn.Module | None = None,
        **_: Any,
    ) -> None:
        """Record the last row, where the model is now, and whether the run was stopped before its last step."""
        self._write_row()
        if model is not None:
            self._recorder.observe_model(model)
        if state.global_step < state.max_steps:
            self._recorder.end("early_stop")

    def _write_row(self) -> None:
        if self._waiting is not None:
            step, values = self._waiting
            self._waiting = None
            self._recorder.log(self._phase, step, **values)

    def _observe_first_batch(self, model: torch.nn.Module, accumulation: int) -> None:
        def look(_: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
            token_ids = named.get("input_ids", positional[0] if positional else None)
            if token_ids is not None and token_ids.ndim == 2:
                self._recorder.observe_batch(token_ids, accumulation=accumulation)
            handle.remove()

        handle = model.register_forward_pre_hook(look, with_kwargs=True)
