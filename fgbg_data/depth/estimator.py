"""What a depth estimator promises."""

from typing import Protocol, runtime_checkable

from fgbg_data.sample import Array

Identity = dict[str, str | int]
"""Everything that the output of an estimator depends on. It enters the fingerprint of a dataset."""


@runtime_checkable
class DepthEstimator(Protocol):
    """Guesses relative inverse depth from RGB.

    A build creates it once in each process, by calling its class with the keyword arguments `device` ("cpu" or "cuda")
    and, if the user chose one, `batch_size`. The class may also have these attributes:

    - `licence`, `parameters` and `output`: text that `fgbg-data estimators` shows, such as "MIT", "24.8 M" and
      "inverse depth".
    - `thread_invariant`: True if the output is the same to the last bit with any number of torch threads. Otherwise
      the workers of a build compute it with one thread each.

    An estimator that moves edges of depth to those of the picture may also have a method `estimate_smooth`. It is like
    `estimate`, but leaves the edges where they are. The ground of a background is searched in its result.

    An estimator that works:

    >>> import numpy as np
    >>> class GreenIsNear:
    ...     name = "green"
    ...     licence = "CC0-1.0"
    ...
    ...     def __init__(self, device="cpu", batch_size=8):
    ...         self.device, self.batch_size = device, batch_size
    ...
    ...     def identity(self):
    ...         return {"name": "green", "version": 1, "device": self.device, "batch_size": self.batch_size}
    ...
    ...     def estimate(self, images):
    ...         return images[..., 1].astype(np.float32)
    >>> isinstance(GreenIsNear(), DepthEstimator)
    True

    `register_estimator("green", GreenIsNear)` makes it known to the running program, and so does an entry point of an
    installed package in the group `fgbg_data.estimators`. `fgbg_data.testing.EstimatorContract` tests it.
    """

    name: str
    """The name that the user gives with `--depth`, without folders of this machine."""
    batch_size: int
    """The number of pictures in one call during a build: floats depend on it, so it enters the fingerprint."""

    def identity(self) -> Identity:
        """Return what the output depends on: `name`, `device` and `batch_size`, the digest of the weights, and more.

        An entry `licence` is shown in the card of the dataset.
        """
        ...

    def estimate(self, images: Array) -> Array:
        """Guess the depth of some pictures. Equal batches give equal depth, whatever was estimated before.

        Args:
            images: (N, H, W, 3) uint8 RGB, of any N, H and W; they are left unchanged.

        Returns:
            (N, H, W) float32, finite, unitless, larger = nearer, of any scale and shift.

        Raises:
            EstimatorError: the estimator cannot work with these pictures.
        """
        ...
