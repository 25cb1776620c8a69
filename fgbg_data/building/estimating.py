"""Where the estimator of a build runs: in every worker, in this process, or in one server beside the workers."""

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fgbg_data.config import BuildConfig
from fgbg_data.dataset.identity import EstimatorIdentity
from fgbg_data.dataset.json_types import JsonError
from fgbg_data.dataset.json_values import from_json
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.depth.choose import AUTO, CANDIDATES, Choice, choose_estimator
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.depth.licences import warn_of_licence
from fgbg_data.depth.registry import is_thread_invariant, load_estimator
from fgbg_data.depth.server import Address, EstimatorServer, RemoteEstimator
from fgbg_data.errors import EstimatorError, option
from fgbg_data.runtime.locations import names_in
from fgbg_data.runtime.parallel import num_cores
from fgbg_data.runtime.progress import ProgressReporter
from fgbg_data.runtime.tally import Tally
from fgbg_data.runtime.threads import kept_threads, set_num_threads
from fgbg_data.sample import Array

log = logging.getLogger("fgbg_data")


@dataclass(frozen=True, kw_only=True)
class EstimatorAccess:
    """How a worker reaches the estimator. Picklable unless an estimator is loaded."""

    name: str
    """Value of `--depth`."""
    device: str = "cpu"
    """Where it runs, `cpu` or `cuda`."""
    batch_size: int = 16
    """Pictures in one call. Floats depend on it, so a short batch is filled up."""
    threads: int = 0
    """Threads of torch or onnxruntime in a worker; 0 leaves the number as it is."""
    server: Address | None = None
    """Where another process runs the estimator for all workers, or None."""
    loaded: DepthEstimator | None = None
    """The estimator itself, if this process is the only worker."""

    def load(self) -> DepthEstimator:
        """Return the estimator, ready for use in this process."""
        if self.loaded is not None:
            return self.loaded
        if self.server is not None:
            return RemoteEstimator(self.server, self.name, self.batch_size)
        if self.threads:
            set_num_threads(self.threads)
        return load_estimator(self.name, self.device, self.batch_size)


def load_for_workers(name: str, device: str, batch_size: int | None) -> tuple[DepthEstimator, EstimatorAccess]:
    """Load an estimator, and warn if its licence restricts the use.

    Args:
        name: value of `--depth`.
        device: `auto`, `cpu` or `cuda`.
        batch_size: number of pictures in one call; None takes the estimator's own number.

    Returns:
        The estimator, and how workers reach it.

    Raises:
        EstimatorError: there is no such estimator, or it cannot run here.
    """
    estimator = load_estimator(name, device, batch_size)
    identity = estimator.identity()
    warn_of_licence(identity)
    return estimator, EstimatorAccess(name=name, device=str(identity["device"]), batch_size=estimator.batch_size)


def recorded_identity(estimator: DepthEstimator) -> EstimatorIdentity:
    """Return the identity of an estimator as the manifest records it.

    Raises:
        EstimatorError: it does not have the entries that a manifest needs, or JSON cannot hold them.
    """
    try:
        return from_json(EstimatorIdentity, dict(estimator.identity()))
    except JsonError as error:
        raise EstimatorError(f"its identity cannot be recorded ({error})", estimator.name) from error


def estimate(estimator: DepthEstimator, images: Sequence[Array], batch_size: int, *, smooth: bool = False) -> Array:
    """Return the depth of at most `batch_size` pictures in one call of exactly that many.

    Args:
        estimator: the estimator.
        images: (H, W, 3) uint8 RGB each, of one size.
        batch_size: pictures in the call; the last picture is repeated to fill it, because floats depend on it.
        smooth: ask for depth without fine relief, if the estimator has a method `estimate_smooth`.

    Returns:
        (len(images), H, W) float32.
    """
    filled = [*images, *[images[-1]] * (batch_size - len(images))]
    ask = getattr(estimator, "estimate_smooth", estimator.estimate) if smooth else estimator.estimate
    depth: Array = ask(np.stack(filled))
    return depth[: len(images)]


def check_depth(depth: Array, image: Array, estimator: DepthEstimator, source: str) -> None:
    """Refuse a depth that has another size than its picture, or is not finite.

    Args:
        depth: the depth.
        image: (H, W, 3) uint8 RGB, the picture.
        estimator: the estimator that gave the depth.
        source: what the picture is, such as `background room0`.

    Raises:
        EstimatorError: the text names the source.
    """
    given = f"{source}: {option('depth', estimator.name)} gave a depth"
    if depth.shape != image.shape[:2]:
        raise EstimatorError(f"{given} of {depth.shape}; expected {image.shape[:2]}")
    if not np.isfinite(depth).all():
        raise EstimatorError(f"{given} that is not finite")


def resolve_auto(config: BuildConfig) -> tuple[BuildConfig, tuple[str, ...]]:
    """Replace the estimator `auto` by a name: the one with which the dataset was begun, or the best one here.

    Returns:
        The configuration, and what to tell the user: nothing, or one sentence.

    Raises:
        EstimatorError: a GPU is asked for, and this machine has none.
        ManifestError: the manifest in the folder is damaged.
    """
    if config.depth != AUTO:
        return config, ()
    begun = None
    if not config.overwrite and MANIFEST in names_in(config.out):
        begun = Manifest.read(config.out).identity.config.values.get("depth")
    if begun in CANDIDATES:
        choice = Choice(str(begun), "the dataset was begun with it")
    else:
        choice = choose_estimator(config.device, once_a_source=config.depth_mode == "compose")
    said = f"depth estimator: {choice.name}, because {choice.reason}"
    return replace(config, depth=choice.name), (said,)


@contextlib.contextmanager
def start_estimator(
    access: EstimatorAccess, estimator: DepthEstimator, jobs: int, tally: Tally, shown: ProgressReporter
) -> Iterator[EstimatorAccess]:
    """Yield how the workers of a build reach the estimator; at the end, log for how much of the time it was busy.

    Args:
        access: name, device and batch size.
        estimator: the estimator as this process has loaded it.
        jobs: number of worker processes.
        tally: where workers count the seconds that the estimator takes.
        shown: gets the message at the end.
    """
    # Floats of most networks on a CPU depend on the number of threads, and a dataset must depend neither on `jobs` nor
    # on how many shards were left to resume. Those of `tiny` do not, which a test checks.
    steady = is_thread_invariant(access.name) or access.device != "cpu"
    threads = max(1, num_cores() // jobs) if jobs > 1 else 0
    access = replace(access, threads=threads if steady else 1)
    server: EstimatorServer | None = None
    with contextlib.ExitStack() as stack:
        if jobs == 1 and steady:
            access = replace(access, loaded=estimator)
        elif jobs == 1:  # loaded again, because onnxruntime takes the number of threads when it opens a file
            stack.enter_context(kept_threads())
        elif access.device == "cuda":
            server = stack.enter_context(EstimatorServer(estimator))
            access = replace(access, server=server.address)
        started = time.monotonic()
        yield access
        estimating_s = server.estimating_s if server else tally.estimating_s / jobs
        share = estimating_s / (time.monotonic() - started)
        text = f"depth estimator ({access.name}, {access.device}) was busy {share:.0%} of the time"
        log.info(text)
        shown.message(text)
