"""The networks that tell objects from background: the table of them, and how an ONNX file becomes one."""

import shutil
import tomllib
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from fgbg_data.depth.devices import pick_device
from fgbg_data.depth.onnx import OnnxEstimator
from fgbg_data.depth.onnx_recipe import HALVES, IMAGENET, Recipe, make_recipe
from fgbg_data.errors import ConfigError, EstimatorError, option
from fgbg_data.options import nearest, to_path
from fgbg_data.runtime.files import file_sha256, write_whole
from fgbg_data.runtime.scratch import cache_folder
from fgbg_data.sample import Array
from fgbg_data.text import first_line

Activation = Literal["none", "sigmoid", "minmax"]
"""How the output of a network becomes alpha: as it is, by the logistic function, or stretched to [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class CutoutModel:
    """One network: where its ONNX file is, and how pictures are prepared for it."""

    url: str
    """Where the file can be fetched from; empty for a file of the user."""
    recipe: Recipe
    """How pictures are prepared."""
    activation: Activation
    """How its output becomes alpha."""
    commercial: bool = True
    """Whether its licence allows commercial use."""


def _square(side: int, licence: str, **values: Any) -> Recipe:
    return Recipe(output="inverse", size=(side, side), resize="linear", licence=licence, **values)


_HUB = "https://huggingface.co"
_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
MODELS: dict[str, CutoutModel] = {
    "isnet": CutoutModel(
        url=f"{_REMBG}/isnet-general-use.onnx",
        recipe=_square(1024, "Apache-2.0", mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0)),
        activation="minmax",
    ),
    "u2net": CutoutModel(
        url=f"{_REMBG}/u2net.onnx", recipe=_square(320, "Apache-2.0", **IMAGENET), activation="minmax"
    ),
    "birefnet": CutoutModel(
        url=f"{_HUB}/onnx-community/BiRefNet-ONNX/resolve/main/onnx/model.onnx",
        recipe=_square(1024, "MIT", **IMAGENET),
        activation="sigmoid",
    ),
    "birefnet-lite": CutoutModel(
        url=f"{_HUB}/onnx-community/BiRefNet_lite-ONNX/resolve/main/onnx/model.onnx",
        recipe=_square(1024, "MIT", **IMAGENET),
        activation="sigmoid",
    ),
    "ben2": CutoutModel(
        url=f"{_HUB}/onnx-community/BEN2-ONNX/resolve/main/onnx/model.onnx",
        recipe=_square(1024, "MIT", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        activation="minmax",
    ),
    "rmbg-1.4": CutoutModel(
        url=f"{_HUB}/briaai/RMBG-1.4/resolve/main/onnx/model.onnx",
        recipe=_square(1024, "bria-rmbg-1.4 (non-commercial)", **(HALVES | {"std": (1.0, 1.0, 1.0)})),
        activation="minmax",
        commercial=False,
    ),
}
"""Name -> network. None of the files is a part of this package."""


class CutoutNetwork:
    """A network that tells an object from its background, computed from an ONNX file.

    Args:
        name: name that is recorded.
        path: the ONNX file.
        model: how it is used.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        EstimatorError: the file or the device cannot be used.
    """

    def __init__(self, name: str, path: Path, model: CutoutModel, device: str = "cpu") -> None:
        self.name = name
        self.licence = model.recipe.licence
        self.digest = file_sha256(path)
        """sha256 of the ONNX file."""
        self._activation = model.activation
        self._network = OnnxEstimator(str(path), pick_device(device), batch_size=1, recipe=model.recipe)

    def alpha(self, image: Array) -> Array:
        """Return how much each pixel belongs to the object.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (H, W) float32 in [0, 1].
        """
        return activate(self._network.estimate(image[None])[0], self._activation)


def activate(output: Array, how: Activation) -> Array:
    """Turn the output of a network into alpha: (H, W) float32 -> (H, W) float32 in [0, 1].

    >>> activate(np.array([[1.0, 3.0]], np.float32), "minmax").tolist()
    [[0.0, 1.0]]
    """
    if how == "sigmoid":
        output = 1 / (1 + np.exp(-np.clip(output, -30, 30)))
    elif how == "minmax":
        low, high = output.min(), output.max()
        output = (output - low) / max(high - low, np.float32(1e-6))
    return np.clip(output, 0, 1).astype(np.float32)


def load_network(name: str, device: str = "cpu", *, non_commercial: bool = False) -> CutoutNetwork:
    """Load a network by its name, or from a file by `onnx:FILE`.

    Args:
        name: a name of `MODELS`, whose file is fetched once and kept in the user's cache; or `onnx:FILE`, with a TOML
            file beside it that has the keys of a depth recipe without `output`, and `activation`.
        device: `auto`, `cpu` or `cuda`.
        non_commercial: allow networks whose licence forbids commercial use.

    Raises:
        ConfigError: there is no such network, or its licence has to be accepted first.
        EstimatorError: its file cannot be fetched or used.
    """
    if name.startswith("onnx:"):
        path = to_path("model", name.removeprefix("onnx:"))
        return CutoutNetwork(f"onnx:{path.name}", path, _model_beside(path), device)
    if name not in MODELS:
        raise ConfigError(
            f"{option('model', name)}: expected one of {', '.join(MODELS)}, or onnx:FILE{nearest(name, MODELS)}"
        )
    model = MODELS[name]
    if not model.commercial and not non_commercial:
        raise ConfigError(
            f"{option('model', name)}: its licence is {model.recipe.licence}. If you may use it, add "
            f"{option('non_commercial', True)}"
        )
    return CutoutNetwork(name, fetch(name, model), model, device)


def fetch(name: str, model: CutoutModel) -> Path:
    """Return the file of a network; it is fetched when it is not in the cache.

    Raises:
        EstimatorError: it cannot be fetched; the text says how to get it another way.
    """
    path = cache_folder() / "cutout" / f"{name}.onnx"
    if path.is_file():
        return path
    try:
        with (
            urllib.request.urlopen(model.url, timeout=60) as answer,
            write_whole(path) as temporary,
            temporary.open("wb") as stream,
        ):
            shutil.copyfileobj(answer, stream, 1 << 20)
    except OSError as error:
        raise EstimatorError(
            f"{option('model', name)}: cannot be fetched from {model.url} ({first_line(error)}). Fetch it on another "
            f"machine and put it at {path}"
        ) from error
    return path


def _model_beside(path: Path) -> CutoutModel:
    """Return how an ONNX file of the user is used, by the TOML file beside it, or by its name."""
    toml = path.with_suffix(".toml")
    if not path.is_file():
        raise EstimatorError("there is no such file", where=path)
    if not toml.is_file():
        stems = {Path(model.url).stem: model for model in MODELS.values() if Path(model.url).stem != "model"} | MODELS
        if path.stem in stems:
            return stems[path.stem]
        raise EstimatorError(
            f"how to prepare its pictures is not known. Write {toml} with, for instance, the lines size = [320, 320], "
            'mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] and activation = "minmax" (or "sigmoid", '
            '"none")',
            where=path,
        )
    try:
        values = tomllib.loads(toml.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EstimatorError(f"cannot be read ({error})", where=toml) from error
    activation = values.pop("activation", "none")
    if activation not in get_args(Activation):
        raise EstimatorError(
            f"activation = {activation!r}: expected one of {', '.join(get_args(Activation))}", where=toml
        )
    recipe = make_recipe({**values, "output": "inverse"}, toml)
    return CutoutModel(url="", recipe=recipe, activation=activation)
