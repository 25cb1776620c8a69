"""Depth models in ONNX files: `--depth onnx:FILE`, run by onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.depth.estimator import Identity
from fgbg_data.depth.onnx_recipe import Recipe, read_recipe
from fgbg_data.depth.onnx_session import open_session
from fgbg_data.depth.preprocess import check_batch_size, check_images, pad_to_multiple, resize, size_within, unpad
from fgbg_data.depth.registry import shown_name
from fgbg_data.errors import EstimatorError, option
from fgbg_data.options import to_path
from fgbg_data.runtime.files import file_sha256, joined_sha256
from fgbg_data.runtime.out_of_memory import is_out_of_memory
from fgbg_data.sample import Array
from fgbg_data.text import first_line

LONGEST_PX = 896
"""Longest side of the network's input if no size is given. It bounds memory for panoramas, as in `tiny`."""
NEAREST = 1e-6
"""Smaller metric depths are raised to this, in the unit of the model, so that their inverse is finite."""


class OnnxEstimator:
    """Guesses depth with an ONNX file: one picture input, one depth output.

    Args:
        source: path of the file. A TOML file of the same name beside it says how to prepare its pictures; its keys
            are the fields of `onnx_recipe.Recipe`.
        device: `cpu` or `cuda`.
        batch_size: pictures in one call; a file with a fixed batch gets batches of that size.
        recipe: how its pictures are prepared, instead of a TOML file.

    Raises:
        EstimatorError: there is no such file, it is not ONNX, it has no recipe, or its inputs and outputs are not
            those of a depth model.
    """

    def __init__(self, source: str, device: str = "cpu", batch_size: int = 8, *, recipe: Recipe | None = None) -> None:
        self.name = shown_name(f"onnx:{source}")
        check_batch_size(self.name, batch_size)
        self.device = device
        self.batch_size = batch_size
        path = to_path("depth", source)
        self._session = _open_session(path, self.name, device)
        is_preset = False
        if recipe is None:
            recipe, is_preset = read_recipe(path)
        if is_preset and normalises_itself(path):
            recipe = replace(recipe, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        self._fixed_batch, self.recipe = _fit_to_input(self._session, recipe, self.name, is_preset=is_preset)
        self._weights_sha256 = _digest(path)

    def identity(self) -> Identity:
        """Return what the output depends on, and the licence of the weights."""
        return {
            "name": self.name,
            "licence": self.recipe.licence,
            "weights_sha256": self._weights_sha256,
            "preprocessing": f"recipe-{self.recipe.digest()}",
            "output": self.recipe.output,
            "device": self.device,
            "dtype": self._session.get_inputs()[0].type.removeprefix("tensor(").removesuffix(")"),
            "batch_size": self.batch_size,
        }

    def estimate(self, images: Array) -> Array:
        """Estimate depth: (N, H, W, 3) uint8 RGB -> (N, H, W) float32, unitless, larger = nearer.

        Raises:
            EstimatorError: the array has another type or shape, the file cannot run on it, or its output is not a
                depth map.
        """
        check_images(self.name, images)
        count, height, width, _ = images.shape
        recipe = self.recipe
        inner = recipe.size or size_within(
            height, width, short_side=recipe.short_side, longest=LONGEST_PX, multiple=recipe.multiple
        )
        out = np.empty((count, height, width), np.float32)
        step = self._fixed_batch or self.batch_size
        for start in range(0, count, step):
            batch = np.stack([resize(image, inner, recipe.resize) for image in images[start : start + step]])
            # A fixed batch is filled up with its last picture; the depth of the copies is dropped.
            batch = np.concatenate([batch, *[batch[-1:]] * ((self._fixed_batch or len(batch)) - len(batch))])
            padded = batch if recipe.size else pad_to_multiple(batch, recipe.multiple)
            for index, depth in enumerate(self._forward(padded)[: count - start], start):
                out[index] = unpad(depth, padded.shape[1:3], inner, (height, width))
        return out

    def _forward(self, images: Array) -> Array:
        """Call the network: (B, h, w, 3) uint8 -> (B, h', w') float32, larger = nearer, at the output size."""
        entry = self._session.get_inputs()[0]
        try:
            (result,) = self._session.run([self._session.get_outputs()[0].name], {entry.name: self._prepared(images)})
        # The errors of onnxruntime have no common class.
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise EstimatorError(
                f"cannot run on {len(images)} pictures of {images.shape[1]} x {images.shape[2]} px "
                f"({first_line(error)}). Set size or multiple in its TOML file, or use another "
                f"{option('estimator_batch')}",
                where=self.name,
            ) from error
        depth = np.asarray(result, np.float32)
        if depth.ndim == 4 and 1 in (depth.shape[1], depth.shape[3]):
            depth = depth[:, 0] if depth.shape[1] == 1 else depth[..., 0]
        if depth.ndim != 3 or len(depth) != len(images) or 0 in depth.shape:
            raise EstimatorError(
                f"its output is of shape {np.shape(result)}; expected depth of shape ({len(images)}, h, w), with or "
                "without an axis of one channel",
                where=self.name,
            )
        return 1 / np.maximum(depth, np.float32(NEAREST)) if self.recipe.output == "metric" else depth

    def _prepared(self, images: Array) -> Array:
        """Normalise pictures, and order their axes and channels as the network expects them."""
        recipe = self.recipe
        ordered = images[..., ::-1] if recipe.colour == "bgr" else images
        mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
        pixels = (ordered.astype(np.float32) * np.float32(recipe.range / 255) - mean) / std
        pixels = pixels.transpose(0, 3, 1, 2) if recipe.layout == "nchw" else pixels
        half = self._session.get_inputs()[0].type == "tensor(float16)"
        return np.ascontiguousarray(pixels, np.float16 if half else np.float32)


def normalises_itself(path: Path) -> bool:
    """Tell whether the network normalises its input: its first operation is arithmetic with constants.

    Some exports of MiDaS take pixels in [0, 1], others take normalised pixels, and both have the same file name.
    """
    try:
        import onnx
    except ImportError as error:
        raise EstimatorError(
            "its preset needs onnx, which is not installed: pip install 'fgbg[onnx]'", where=path
        ) from error
    graph = onnx.load(path, load_external_data=False).graph
    constants = {each.name for each in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    names = {each.name for each in graph.input} - constants
    for node in graph.node:
        if names & set(node.input):
            if node.op_type in ("Cast", "Identity", "Transpose"):
                names |= set(node.output)
                continue
            return node.op_type in ("Sub", "Add", "Mul", "Div", "BatchNormalization") and bool(
                set(node.input[1:]) & constants
            )
    return False


def _open_session(path: Path, name: str, device: str) -> Any:
    """Open a file with onnxruntime on the device."""
    import onnxruntime

    if device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise EstimatorError(
            f"onnxruntime {onnxruntime.__version__} has no CUDA; run `pip install onnxruntime-gpu`, "
            f"or use {option('device', 'cpu')}",
            where=name,
        )
    try:
        session = open_session(path, device)
    except Exception as error:
        raise EstimatorError(f"is damaged, or not an ONNX model ({first_line(error)})", where=path) from error
    if device == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise EstimatorError(
            f"onnxruntime could not start CUDA; use {option('device', 'cpu')}, or install what it lacks", where=name
        )
    return session


def _fit_to_input(session: Any, recipe: Recipe, name: str, *, is_preset: bool) -> tuple[int | None, Recipe]:
    """Return the fixed batch of a file, or None, and the recipe with the fixed size of its input, if it has one."""
    entries = session.get_inputs()
    if len(entries) != 1 or len(entries[0].shape) != 4 or entries[0].type not in ("tensor(float)", "tensor(float16)"):
        shown = ", ".join(f"{entry.name} {entry.type} {entry.shape}" for entry in entries) or "nothing"
        raise EstimatorError(f"its input is {shown}; expected one float tensor of 4 axes", where=name)
    order = (0, 2, 3, 1) if recipe.layout == "nchw" else (0, 1, 2, 3)
    batch, height, width, channels = (entries[0].shape[axis] for axis in order)
    if isinstance(channels, int) and channels != 3:
        raise EstimatorError(
            f"its input is of shape {entries[0].shape}, which has {channels} channels by layout = {recipe.layout!r}; "
            "expected 3. Set layout in its TOML file",
            where=name,
        )
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    if fixed and recipe.size not in (None, fixed) and not is_preset:
        raise EstimatorError(
            f"takes pictures of {fixed}, but its recipe has size = {list(recipe.size or ())}", where=name
        )
    return batch if isinstance(batch, int) else None, replace(recipe, size=fixed or recipe.size)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, together with FILE.data or FILE_data beside it, which may hold its weights."""
    beside = [path.with_name(path.name + end) for end in (".data", "_data")]
    return joined_sha256([file_sha256(each) for each in (path, *beside) if each.is_file()])
