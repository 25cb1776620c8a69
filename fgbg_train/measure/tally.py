"""What is counted over an epoch or a split: losses and metrics, as sums that can be merged and saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fgbg_train.data.samples import Targets
from fgbg_train.measure.metrics import MetricSums
from fgbg_train.models.cascade import Prediction


@dataclass
class Tally:
    """Sums over images of the loss terms, and of everything that metrics follow from."""

    metrics: MetricSums = field(default_factory=MetricSums)
    losses: dict[str, float] = field(default_factory=dict)
    images: int = 0

    def add(self, prediction: Prediction, targets: Targets, terms: Mapping[str, Tensor]) -> None:
        """Add a batch; `prediction` has the size of the targets' mask."""
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

    def compute(self) -> dict[str, float]:
        """Return loss, its terms, and every metric; nothing for no images."""
        if not self.images:
            return {}
        terms = {f"loss_{name}": value / self.images for name, value in self.losses.items()}
        loss = {"loss": sum(terms.values())} if terms else {}
        return {**loss, **terms, **self.metrics.compute()}

    def state(self) -> dict[str, Any]:
        """Return the sums as plain dicts and numbers."""
        return {"metrics": dict(self.metrics.sums), "losses": dict(self.losses), "images": self.images}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tally":
        """Return the tally that `state` came from."""
        return cls(MetricSums(dict(state["metrics"])), dict(state["losses"]), state["images"])
