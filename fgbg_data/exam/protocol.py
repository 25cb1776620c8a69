"""How an exam is read and scored: the unit of its depth, and alignment, cap and crop. Every table states them."""

from dataclasses import dataclass
from typing import Literal, get_args

from fgbg_data.errors import ConfigError, option
from fgbg_data.options import one_of

DepthKind = Literal["metric", "inverse", "disparity"]
Align = Literal["affine-inverse", "median", "none"]
Crop = Literal["none", "eigen", "garg"]

PNG_SCALE = 1000.0
"""Units of a depth PNG in one metre, unless `depth_scale` says otherwise: millimetres."""

CROPS: dict[Crop, tuple[float, float, float, float]] = {
    "none": (0.0, 1.0, 0.0, 1.0),
    "eigen": (45 / 480, 471 / 480, 41 / 640, 601 / 640),
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
}
"""Crop -> first and last row, first and last column, as shares of height and width.

Sources: `eigen` is the crop of NYU Depth v2 in Eigen, Puhrsch, Fergus 2014; `garg` is that of KITTI in Garg et al.
2016.
"""


@dataclass(frozen=True, kw_only=True)
class ExamProtocol:
    """How an exam is read and scored.

    >>> ExamProtocol(cap="80").cap_percentile, ExamProtocol().cap_percentile
    (None, 99.5)

    Raises:
        ConfigError: a value cannot work.
    """

    categories: str = ""
    """Categories of a COCO file that count as objects, separated by commas; empty takes all."""
    depth_scale: float = 0.0
    """Depth files are divided by this number. 0 means 1000 for PNG files, and 1 for .npy files."""
    depth_kind: DepthKind = "metric"
    """What depth files hold: `metric` depth (larger is farther), `inverse` depth, or `disparity` (larger is nearer).
    `inverse` and `disparity` differ only in that the unit of a disparity is not known."""
    align: Align = "affine-inverse"
    """How a prediction is fitted to the depth of a picture: by a scale and a shift of inverse depth, by the `median`
    alone, or not at all (`none`)."""
    cap: str = "p99.5"
    """Farther depth does not count: a number in the unit of the depth, `pN` for the N-th percentile of each picture, or
    `none`."""
    crop: Crop = "none"
    """The part of each picture where depth counts: `none` is all of it."""

    def __post_init__(self) -> None:
        if not 0 <= self.depth_scale < float("inf"):
            raise ConfigError(f"{option('depth_scale', self.depth_scale)}: expected a number above 0")
        one_of("depth_kind", self.depth_kind, get_args(DepthKind))
        one_of("align", self.align, get_args(Align))
        one_of("crop", self.crop, get_args(Crop))
        if self.align == "none" and self.depth_kind == "disparity":
            raise ConfigError(
                f"{option('align', 'none')}: the unit of {option('depth_kind', 'disparity')} is not known, so "
                f"predictions must be aligned; choose another {option('align')}"
            )
        number = self._number()
        if number is None or not 0 < number < float("inf") or (self.cap.startswith("p") and number > 100):
            raise ConfigError(
                f"{option('cap', self.cap)}: expected a depth such as 80, a percentile such as p99.5, or none"
            )

    @property
    def cap_percentile(self) -> float | None:
        """The percentile of the known depth of a picture beyond which depth does not count, or None."""
        return self._number() if self.cap.startswith("p") else None

    @property
    def cap_depth(self) -> float | None:
        """The depth beyond which nothing counts, in the unit of the depth, or None."""
        return None if self.cap.startswith("p") or self.cap == "none" else self._number()

    def _number(self) -> float | None:
        try:
            return 1.0 if self.cap == "none" else float(self.cap.removeprefix("p"))
        except ValueError:
            return None

    def of_masks(self) -> dict[str, str]:
        """Return how masks are scored, as a table of name and text."""
        return {
            "masks": "cut at one half; IoU and boundary F over pictures with an object, false area over the others",
            "boundary": "matched within 0.8 % of the diagonal of the picture",
        }

    def of_depth(self) -> dict[str, str]:
        """Return how depth is scored, as a table of name and text."""
        alignment = {
            "affine-inverse": "least-squares scale and shift of inverse depth for each picture, scale not negative",
            "median": "median of inverse depth for each picture",
            "none": "none",
        }[self.align]
        far = "" if self.depth_kind != "metric" else ", and no PNG code of 65535"
        percentile = self.cap_percentile
        cap = self.cap if percentile is None else f"below the {percentile:g}th percentile of each picture"
        return {
            "depth": f"{self.depth_kind}, divided by {self._scale_text()}",
            "alignment": f"{alignment}; then limited to 1/2 of the least and 3/2 of the largest true inverse depth",
            "valid": f"finite depth above 0{far}",
            "cap": cap,
            "crop": self.crop,
        }

    def _scale_text(self) -> str:
        return f"{self.depth_scale:g}" if self.depth_scale else f"{PNG_SCALE:g} (PNG) or 1 (.npy)"


DEFAULT = ExamProtocol()
"""The protocol of the tables in the documentation."""
