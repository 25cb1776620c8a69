"""How to prepare pictures for an ONNX file, and what it gives: by a TOML file beside it, or by its name."""

import hashlib
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from fgbg_data.depth.hf_presets import Output
from fgbg_data.errors import EstimatorError
from fgbg_data.options import nearest
from fgbg_data.sample import canonical_json

Layout = Literal["nchw", "nhwc"]
Colour = Literal["rgb", "bgr"]
Resize = Literal["area", "linear", "cubic"]

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALVES: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to prepare pictures for a network; every field is a key of the TOML file.

    The size of the input is `size` if the file or the recipe fixes it, else it follows from `short_side` if that is
    given, else pictures keep their size and are padded to multiples of `multiple`.
    """

    mean: tuple[float, float, float]
    """Number that is subtracted from the pixels in [0, `range`], for each channel in the order of `colour`."""
    std: tuple[float, float, float]
    """Number by which the difference is divided, for each channel."""
    output: Output
    """What the network gives: `inverse` depth, larger = nearer, or `metric` depth, larger = farther."""
    range: float = 1.0
    """Value of white before `mean` and `std`: 1 or 255."""
    size: tuple[int, int] | None = None
    """(height, width) to which every picture is resized; a size that the file itself fixes is taken from there."""
    short_side: int | None = None
    """Length of the shorter side in pixels; the aspect stays, and both sides are rounded to `multiple`."""
    multiple: int = 32
    """Both sides of the input are multiples of this number of pixels."""
    layout: Layout = "nchw"
    """Order of the axes of the input."""
    colour: Colour = "rgb"
    """Order of the channels of the input."""
    resize: Resize = "area"
    """Interpolation of the pictures; `area` is bilinear if a picture grows."""
    licence: str = "unknown"
    """Licence of the weights."""

    def digest(self) -> str:
        """Return 16 hex digits that change with every value that changes the depth."""
        values = {key: value for key, value in asdict(self).items() if key != "licence"}
        return hashlib.sha256(canonical_json(values).encode()).hexdigest()[:16]


RECIPES: dict[str, Recipe] = {
    "midas-v2.1-small": Recipe(**IMAGENET, output="inverse", size=(256, 256), resize="cubic", licence="MIT"),
    "midas-v2.1": Recipe(**IMAGENET, output="inverse", size=(384, 384), resize="cubic", licence="MIT"),
    "midas-v3": Recipe(**HALVES, output="inverse", size=(384, 384), resize="cubic", licence="MIT"),
    "depth-anything-v2": Recipe(**IMAGENET, output="inverse", size=(518, 518), multiple=14, resize="cubic"),
    "tiny": Recipe(**IMAGENET, output="inverse", short_side=224, licence="Apache-2.0"),
}
"""Preset -> recipe of published exports. Source: `docs/estimators.md`."""

_FILES = {
    r"model-small|midas_?v?2_?1_?small.*": "midas-v2.1-small",
    r"model-f6b98070|midas_?v?2_?1(_384)?": "midas-v2.1",
    r"dpt[-_](large|hybrid).*": "midas-v3",
    r"depth_anything_v2_vit[sbl](?!.*metric).*": "depth-anything-v2",
}
"""Name of a published file, without suffix -> preset."""


def read_recipe(model: Path) -> tuple[Recipe, bool]:
    """Return the recipe of an ONNX file, and whether mean and std are those of a preset.

    Args:
        model: the ONNX file; the TOML file beside it has the same name with the suffix .toml.

    Raises:
        EstimatorError: there is no recipe, or it cannot work; the text shows how to write one.
    """
    toml = model.with_suffix(".toml")
    if not toml.is_file():
        preset = next((p for name, p in _FILES.items() if re.fullmatch(name, model.stem, re.IGNORECASE)), None)
        if preset is None:
            others = ", ".join(list(RECIPES)[1:])
            raise EstimatorError(
                f"how to prepare its pictures is not known. Write {toml} with, for instance, the line "
                f'preset = "{next(iter(RECIPES))}" (or {others}), or the lines mean = [0.485, 0.456, 0.406], '
                'std = [0.229, 0.224, 0.225] and output = "inverse" (or "metric"); docs/estimators.md has the rest',
                where=model,
            )
        return RECIPES[preset], True
    try:
        values = tomllib.loads(toml.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EstimatorError(f"cannot be read ({error})", where=toml) from error
    return make_recipe(values, toml), "preset" in values and not {"mean", "std"} & values.keys()


def make_recipe(values: dict[str, Any], toml: Path) -> Recipe:
    """Check the values of a TOML file."""
    known = [*(field.name for field in fields(Recipe)), "preset"]
    for key in values:
        if key not in known:
            raise EstimatorError(f"{key!r} is not a key of a recipe{nearest(key, known)}", where=toml)
    start: dict[str, Any] = {}
    if "preset" in values:
        _one_of(toml, "preset", values["preset"], tuple(RECIPES))
        start = asdict(RECIPES[values["preset"]])
    merged = start | {key: value for key, value in values.items() if key != "preset"}
    lacking = [key for key in ("mean", "std", "output") if key not in merged]
    if lacking:
        raise EstimatorError(
            f"{' and '.join(lacking)} missing; add them, or preset = one of {', '.join(RECIPES)}", where=toml
        )
    for key in ("mean", "std"):
        merged[key] = _numbers(toml, key, merged[key], 3, (int, float))
    if merged.get("size") is not None:
        merged["size"] = _numbers(toml, "size", merged["size"], 2, (int,))
    for key, choices in (("output", Output), ("layout", Layout), ("colour", Colour), ("resize", Resize)):
        if key in merged:
            _one_of(toml, key, merged[key], get_args(choices))
    for key in ("short_side", "multiple", "range"):
        value = merged.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 1):
            raise EstimatorError(f"{key} = {value!r}: expected a number of at least 1", where=toml)
        if key != "range" and isinstance(value, float):
            raise EstimatorError(f"{key} = {value!r}: expected a whole number", where=toml)
    if min(merged["std"]) <= 0 or (merged.get("size") and min(merged["size"]) < 1):
        raise EstimatorError("std and size must be above 0", where=toml)
    return Recipe(**merged | {"licence": str(merged.get("licence", "unknown"))})


def _numbers(toml: Path, key: str, value: Any, count: int, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    good = isinstance(value, list | tuple) and len(value) == count
    if not good or any(isinstance(each, bool) or not isinstance(each, kinds) for each in value):
        what = "numbers" if float in kinds else "whole numbers, height and width"
        raise EstimatorError(f"{key} = {value!r}: expected {count} {what}", where=toml)
    return tuple(value)


def _one_of(toml: Path, key: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise EstimatorError(f"{key} = {value!r}: expected one of {', '.join(known)}", where=toml)
