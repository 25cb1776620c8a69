"""What is summed over an epoch or a split: losses and metrics, as sums that can be merged and saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from fgbg_train.data.batches import Targets
from fgbg_train.devices import gather
from fgbg_train.measure.metrics import MetricSums
from fgbg_train.models.cascade import Prediction


@dataclass
class Tally:
    """Sums over images: of the loss terms, and of everything from which metrics follow."""

    metrics: MetricSums = field(default_factory=MetricSums)
    """Sums from which metrics follow."""
    losses: dict[str, float] = field(default_factory=dict)
    """Name of a loss term -> its sum over images, weighted."""
    images: int = 0
    """Number of images."""

    def add(self, prediction: Prediction, targets: Targets, terms: Mapping[str, Tensor]) -> None:
        """Add a batch.

        Args:
            prediction: maps of the size of the mask of the targets.
            targets: the batch.
            terms: weighted loss terms of the batch, each a mean over its images.
        """
        count = len(targets.image)
        self.images += count
        values = torch.stack([value.detach() for value in terms.values()]).tolist() if terms else []
        for name, value in zip(terms, values, strict=True):
            self.losses[name] = self.losses.get(name, 0.0) + value * count
        logits, depth = prediction.mask_logits, prediction.depth
        self.metrics.update(
            mask=None if logits is None else (torch.sigmoid(logits.detach().float()), targets.mask),
            depth=None if depth is None or targets.depth is None else (depth, targets.depth),
        )

    def merge(self, other: "Tally") -> "Tally":
        """Return the sums of both."""
        losses = dict(self.losses)
        for name, value in other.losses.items():
            losses[name] = losses.get(name, 0.0) + value
        return Tally(self.metrics.merge(other.metrics), losses, self.images + other.images)

    def over_processes(self, fabric: Fabric) -> "Tally":
        """Return the sums of all processes; every process must call it."""
        total = Tally()
        for part in gather(fabric, self.state()):
            total = total.merge(Tally.from_state(part))
        return total

    def compute(self) -> dict[str, float]:
        """Return the loss, its terms, and each metric; nothing if there are no images."""
        if not self.images:
            return {}
        terms = {f"loss_{name}": value / self.images for name, value in self.losses.items()}
        loss = {"loss": sum(terms.values())} if terms else {}
        return {**loss, **terms, **self.metrics.compute()}

    def state(self) -> dict[str, Any]:
        """Return the sums as nested dicts of numbers, for a checkpoint."""
        return {"metrics": dict(self.metrics.sums), "losses": dict(self.losses), "images": self.images}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tally":
        """Return the tally that `state` came from."""
        return cls(MetricSums(dict(state["metrics"])), dict(state["losses"]), state["images"])
