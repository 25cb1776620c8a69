"""One step of training: augment a batch, sum gradients over its parts, step the optimizer, average the weights."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from fgbg_data.errors import option
from fgbg_data.runtime.out_of_memory import is_out_of_memory
from fgbg_train import losses
from fgbg_train.config import FitConfig
from fgbg_train.data.augment import augment
from fgbg_train.data.batches import Batch, Targets, to_device
from fgbg_train.devices import gather, sum_over_processes
from fgbg_train.errors import CompileError, LossError, MemoryLimitError, TrainError
from fgbg_train.measure.tally import Tally
from fgbg_train.models.cascade import Prediction
from fgbg_train.schedule import Step
from fgbg_train.training.state import State, average


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What the processes agree on after a step: a flag is up if any process has raised it."""

    stop: bool = False
    """Save, and stop the run."""
    save: bool = False
    """Save a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Takes the steps of a run.

    Everything random in a step follows from (seed, step, rank), so no random generator is saved.
    """

    config: FitConfig
    """The configuration of the run."""
    fabric: Fabric
    """The launched fabric."""
    state: State
    """The state, which each step changes."""

    def take(self, step: Step, batch: Batch, *, lr: float, flags: Flags) -> Flags:
        """Take one step; every process must call this.

        Args:
            step: which step it is.
            batch: the part of its batch that this process has.
            lr: learning rate.
            flags: the flags that this process raises.

        Returns:
            The flags that any process has raised.

        Raises:
            LossError: the loss is not finite; the weights stay as they were.
            MemoryLimitError: the batch does not fit into memory.
            CompileError: the networks cannot be compiled on this machine.
        """
        config, state, fabric = self.config, self.state, self.fabric
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        torch.manual_seed(step_seed(config.seed, step.index, fabric.global_rank))
        state.network.train()
        targets = to_device(batch, fabric.device)
        targets = augment(targets, keys=batch.keys, seed=config.seed, epoch=step.epoch, config=config.augment)
        state.optimizer.zero_grad()
        try:
            loss, tally = self._backward(targets)
        except RuntimeError as error:
            explained = self._explained(error, step)
            if explained is None:
                raise
            raise explained from error
        numbers = [loss, *(torch.tensor(float(flag), device=fabric.device) for flag in (flags.stop, flags.save))]
        value, stop, save = sum_over_processes(fabric, torch.stack(numbers)).tolist()
        if not math.isfinite(value):
            self._refuse(value, step, batch.keys)
        if config.clip:
            fabric.clip_gradients(state.network, state.stepper, max_norm=config.clip, error_if_nonfinite=False)
        state.stepper.step()
        state.tally = state.tally.merge(tally)
        if state.ema is not None:
            average(state.ema, state.model, config.ema, step.index)
        state.step += 1
        state.skipped += len(batch.skipped)
        return Flags(stop=stop > 0, save=save > 0)

    def _backward(self, targets: Targets) -> tuple[torch.Tensor, Tally]:
        """Add up the gradients of the parts of a batch; return its loss and what its parts sum up to."""
        state, fabric = self.state, self.fabric
        total, tally = torch.zeros((), device=fabric.device), Tally()
        parts = split_targets(targets, self.config.accumulate)
        for i, part in enumerate(parts):
            with fabric.no_backward_sync(state.network, enabled=i + 1 < len(parts)):
                prediction: Prediction = state.network(part.image, part.recoloured)
                terms = losses.terms(prediction, part.mask, part.depth, self.config.loss)
                loss = torch.stack(list(terms.values())).sum() / len(parts)
                fabric.backward(loss)
            total += loss.detach()
            tally.add(prediction, part, terms)
        return total, tally

    def _explained(self, error: RuntimeError, step: Step) -> TrainError | None:
        """Return an error that tells the user what to change, or None if the user cannot change anything."""
        if self.config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            first_line = next(iter(str(error).splitlines()), "")
            return CompileError(
                f"{option('compile', True)}: the networks cannot be compiled on this machine "
                f"({type(error).__name__}: {first_line}). Install a newer C++ compiler, or use "
                f"{option('compile', False)}"
            )
        if is_out_of_memory(error):
            return MemoryLimitError(
                f"out of memory at a batch of {step.batch} images of {step.size_px} px: use a smaller batch in "
                f"{option('schedule')}, or {option('accumulate', 2 * self.config.accumulate)}, which cuts the batch "
                "into parts"
            )
        return None

    def _refuse(self, loss: float, step: Step, keys: Sequence[str]) -> None:
        """Raise an error that names the samples of all processes."""
        every = [key for part in gather(self.fabric, keys) for key in part]
        raise LossError(
            f"the loss is {loss} at step {step.index + 1} (epoch {step.epoch + 1}); the weights of the last checkpoint "
            f"are good. A lower {option('lr')} or {option('clip')} may help. Samples of the batch: {', '.join(every)}"
        )


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed of everything that torch draws in a step of a process."""
    digest = hashlib.blake2b(f"{seed}|{step}|{rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def split_targets(targets: Targets, parts: int) -> list[Targets]:
    """Cut a batch into equal parts."""
    cut = [None if x is None else x.chunk(parts) for x in targets]
    return [Targets(*(None if x is None else x[i] for x in cut)) for i in range(parts)]  # type: ignore[arg-type]
