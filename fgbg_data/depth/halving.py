"""Batches that do not fit into memory: the estimator computes them in halves, and warns."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fgbg_data.errors import EstimatorError, FgbgWarning, option
from fgbg_data.runtime.out_of_memory import is_out_of_memory
from fgbg_data.sample import Array
from fgbg_data.text import counted

if TYPE_CHECKING:
    from fgbg_data.depth.estimator import DepthEstimator, Identity


class Halving:
    """An estimator that computes a batch in halves if the whole batch does not fit into memory.

    If halves do not fit either, it goes on with quarters, and so on down to single pictures. The batches of a build,
    and so its fingerprint, stay as they are. A size that did not fit once is not tried again.

    Args:
        estimator: computes parts of a batch. Out-of-memory errors of torch, onnxruntime and numpy are recognised.
    """

    def __init__(self, estimator: DepthEstimator) -> None:
        self.name = estimator.name
        self.batch_size = estimator.batch_size
        self._estimator = estimator
        self._part = estimator.batch_size

    def identity(self) -> Identity:
        """Return the identity of the estimator."""
        return self._estimator.identity()

    def estimate(self, images: Array) -> Array:
        """Return what the estimator gives: (N, H, W, 3) uint8 RGB -> (N, H, W) float32. Warn when a batch is halved.

        Raises:
            EstimatorError: not even one picture fits, or the estimator raises it.
        """
        return self._in_parts(self._estimator.estimate, images)

    def estimate_smooth(self, images: Array) -> Array:
        """Return depth without fine relief if the estimator has such a method, else what `estimate` returns."""
        return self._in_parts(getattr(self._estimator, "estimate_smooth", self._estimator.estimate), images)

    def _in_parts(self, estimate: Callable[[Array], Array], images: Array) -> Array:
        """Call a method of the estimator with as many pictures at once as fit into memory."""
        while True:
            size = min(self._part, max(1, len(images)))
            try:
                if len(images) <= size:
                    return estimate(images)
                parts = (images[start : start + size] for start in range(0, len(images), size))
                return np.concatenate([estimate(part) for part in parts])
            # The errors of onnxruntime have no common class.
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise EstimatorError(
                        f"out of memory with 1 picture in one call; run again with a smaller {option('size')}, or "
                        f"{option('device', 'cpu')}",
                        where=self.name,
                    ) from error
            self._part = size // 2  # here the error is gone, and with it the tensors that its frames held
            warning = FgbgWarning(
                f"{self.name}: out of memory with {counted(size, 'picture')} in one call; going on with {self._part}. "
                "Depth may differ in its last bits from that of a device with more memory; a new build with "
                f"{option('estimator_batch', self._part)} gives the same depth on both"
            )
            warnings.warn(warning, stacklevel=2)
