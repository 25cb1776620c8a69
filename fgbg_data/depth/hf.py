"""Depth models of Hugging Face transformers (extra `hf`): presets by name, or any folder or repository."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from fgbg_data.depth.estimator import Identity
from fgbg_data.depth.hf_presets import PRESETS, Output
from fgbg_data.depth.hub import CONFIG, ModelFiles, find_model
from fgbg_data.depth.preprocess import check_batch_size, check_images
from fgbg_data.depth.registry import shown_name
from fgbg_data.errors import EstimatorError, option
from fgbg_data.sample import Array
from fgbg_data.text import first_line

if TYPE_CHECKING:
    import torch

NEAREST_M = 0.01
"""Smaller metric depths are raised to this, in metres, because the inverse of a depth near 0 would be huge."""
OUTPUTS: dict[str, Output] = {"depth_pro": "inverse", "glpn": "metric", "zoedepth": "metric"}
"""Type of a model -> what its raw output means, if the type alone decides that. Source: `docs/estimators.md`."""


class HfEstimator:
    """Guesses depth with a model of transformers, which is used together with its own image processor.

    Args:
        source: name of a preset, a folder, or a repository on the hub. A repository or folder may end in `#inverse`
            or `#metric`, which says what the model gives if its configuration does not.
        device: `cpu` or `cuda`.
        batch_size: pictures that go through the network at once; the last digits of the depth depend on it.
        dtype: type of the weights; None is float16 on a GPU and float32 elsewhere. bfloat16 has 8 bits of precision,
            which is too few for 12 bits of depth.

    Raises:
        EstimatorError: the model is not on this machine and cannot be fetched, is not a depth model, or does not fit
            its weights.
    """

    def __init__(self, source: str, device: str = "cpu", batch_size: int = 8, dtype: str | None = None) -> None:
        self.name = shown_name(source if source in PRESETS else f"hf:{source}")
        check_batch_size(self.name, batch_size)
        self.device = device
        self.batch_size = batch_size
        self.dtype = dtype or ("float16" if device == "cuda" else "float32")
        location, _, declared = source.partition("#")
        self._files = find_model(location)
        self._model, self._processor = _load(self._files, self.name, self.dtype)
        self._model.to(device)
        self.output = _output(self._model.config, declared, self.name)

    @cached_property
    def _weights_sha256(self) -> str:
        """Digest of the weights, computed on first use: it reads gigabytes, and only the parent process needs it."""
        return self._files.weights_sha256()

    def identity(self) -> Identity:
        """Return what the output depends on, and the licence of the model.

        Raises:
            EstimatorError: weights in the hub's cache are damaged.
        """
        config = sha256((self._files.folder / CONFIG).read_bytes()).hexdigest()[:16]
        return {
            "name": self.name,
            **({"repo": self._files.repo} if self._files.repo else {}),
            "licence": self._files.licence,
            "weights_sha256": self._weights_sha256,
            "architecture": f"{type(self._model).__name__}-{config}",
            "preprocessing": self._files.preprocessing(),
            "output": self.output,
            "device": self.device,
            "dtype": self.dtype,
            "batch_size": self.batch_size,
        }

    def estimate(self, images: Array) -> Array:
        """Estimate depth: (N, H, W, 3) uint8 RGB -> (N, H, W) float32, unitless, larger = nearer.

        Raises:
            EstimatorError: the array has another type or shape, or the model gives no depth map.
        """
        check_images(self.name, images)
        out = np.empty(images.shape[:3], np.float32)
        for start in range(0, len(images), self.batch_size):
            out[start : start + self.batch_size] = self._forward(images[start : start + self.batch_size])
        return out

    def _forward(self, images: Array) -> Array:
        """Call the network once: (B, H, W, 3) uint8 -> (B, H, W) float32."""
        import torch

        inputs = self._processor(images=list(images), return_tensors="pt", input_data_format="channels_last")
        with torch.inference_mode():
            outputs = self._model(**inputs.to(self.device, getattr(torch, self.dtype)))
            depth = getattr(outputs, "predicted_depth", None)
            if depth is None or depth.ndim != 3 or len(depth) != len(images):
                shape = "nothing" if depth is None else tuple(depth.shape)
                raise EstimatorError(f"expected depth of shape ({len(images)}, h, w), got {shape}", where=self.name)
            depth = depth.float()
            # It is inverted before it is resized, because bicubic overshoot of metric depth at an edge can reach zero.
            outputs.predicted_depth = 1 / depth.clamp(min=NEAREST_M) if self.output == "metric" else depth
            result: Array = self._resized(outputs, images.shape[1:3]).cpu().numpy()
        return result

    def _resized(self, outputs: Any, size: tuple[int, int]) -> torch.Tensor:
        """Resize (B, h, w) to (B, H, W) as the model's own processor does, which may also remove padding."""
        import torch
        from torch.nn import functional

        depth: torch.Tensor = outputs.predicted_depth
        if self._model.config.model_type == "depth_pro":  # its processor would also invert the depth
            return functional.interpolate(depth[:, None], size=size, mode="bilinear")[:, 0]
        results = self._processor.post_process_depth_estimation(outputs, [size] * len(depth))
        return torch.stack([_to_size(entry["predicted_depth"], size) for entry in results])


def _to_size(depth: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize depth that the processor left at another size, and restore a side of one pixel that it dropped."""
    from torch.nn import functional

    if depth.numel() == size[0] * size[1]:
        return depth.reshape(size)
    return functional.interpolate(depth[None, None], size=size, mode="bicubic")[0, 0]


def _load(files: ModelFiles, name: str, dtype: str) -> tuple[Any, Any]:
    """Return the model and its image processor, after checking that all weights are there."""
    import torch

    transformers: Any = importlib.import_module("transformers")  # not fully typed
    auto = importlib.import_module("transformers.models.auto.modeling_auto")
    known = auto.MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES
    with _quiet(transformers.utils.logging):
        try:
            config = transformers.AutoConfig.from_pretrained(files.folder, local_files_only=True)
            if config.model_type not in known:
                raise EstimatorError(
                    f"is a {config.model_type!r} model, not a depth model; expected one of {', '.join(sorted(known))}",
                    where=name,
                )
            processor = transformers.AutoImageProcessor.from_pretrained(files.folder, local_files_only=True)
            model, report = transformers.AutoModelForDepthEstimation.from_pretrained(
                files.folder,
                config=config,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        except EstimatorError:
            raise
        # Damaged files make transformers raise errors of many kinds.
        except Exception as error:
            raise EstimatorError(
                f"{files.folder} cannot be loaded ({first_line(error)}). Fetch the model again", where=name
            ) from error
    odd = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in report[kind])
    if odd:
        raise EstimatorError(
            f"the weights in {files.folder} do not fit the model, starting with {odd[0]}. Fetch the model again",
            where=name,
        )
    return model.eval().requires_grad_(False), processor


def _output(config: Any, declared: str, name: str) -> Output:
    """Return what the raw output means.

    Args:
        config: the configuration of the model, which decides if nothing is declared.
        declared: what the user wrote behind `#`, or "".
        name: name of the estimator, for the texts of errors.

    Raises:
        EstimatorError: `declared` is unknown, or nothing is declared and the configuration does not decide it.
    """
    if declared:
        if declared not in ("inverse", "metric"):
            raise EstimatorError(f"{option('depth', name)}: #{declared} is unknown; expected #inverse or #metric")
        return "inverse" if declared == "inverse" else "metric"
    kind = config.model_type
    if kind in OUTPUTS:
        return OUTPUTS[kind]
    if kind == "depth_anything":
        return "metric" if config.depth_estimation_type == "metric" else "inverse"
    if kind == "dpt":
        # DPT of MiDaS gives inverse depth. DPT on DINOv2 was trained on the metric depth of NYU and KITTI.
        backbone = getattr(getattr(config, "backbone_config", None), "model_type", "")
        return "metric" if backbone == "dinov2" else "inverse"
    raise EstimatorError(
        f"whether a {kind!r} model gives depth or inverse depth is not known. Use "
        f"{option('depth', f'{name}#metric')} if larger is farther, or "
        f"{option('depth', f'{name}#inverse')} if larger is nearer",
        where=name,
    )


@contextlib.contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Silence the progress bars and notes of transformers, which every worker of a build would show."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
