"""The plan: a pure function from an index to a placement, and the splits. No I/O, no pixels, no state."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.errors import PlacementError, option
from fgbg_data.key import SampleKey
from fgbg_data.splits import draw, permute, plan_splits
from fgbg_data.text import counted


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Everything that determines one sample before pixels.

    Attributes:
        key: the sample's name.
        background: id of the background.
        foreground: id of the foreground.
        position: 0 to positions - 1.
        mirrored: whether the cut-out is flipped; the box is that of the plain twin.
        top: row of the box's upper edge, negative above the canvas, in pixels.
        left: column of its left edge.
        height: of the box before clipping.
        width: of the box before clipping.
        attempt: 0, or how often the placement was drawn again for want of a mask pixel.
    """

    key: str
    background: str
    foreground: str
    position: int
    mirrored: bool
    top: int
    left: int
    height: int
    width: int
    attempt: int = 0


@dataclass(frozen=True)
class Shard:
    """The unit of work: samples `start` to `stop` of a split."""

    split: str
    index: int
    start: int
    stop: int

    @property
    def samples(self) -> int:
        """How many they are."""
        return self.stop - self.start


class Plan:
    """index -> placement for a whole dataset.

    Args:
        config: what to build.
        backgrounds: the table of backgrounds, in the order of their ids.
        foregrounds: the table of foregrounds, likewise.

    Raises:
        ConfigError: too few sources or samples for the splits asked.
        PlacementError: foregrounds that cannot fit on the canvas; all are named.
    """

    def __init__(self, config: BuildConfig, backgrounds: Sequence[Source], foregrounds: Sequence[Source]) -> None:
        self.config = config
        self.backgrounds = list(backgrounds)
        self.foregrounds = list(foregrounds)
        self.per_pair = config.positions * (2 if config.mirror else 1)
        _check_fit(self.foregrounds, config)
        ids_bg, ids_fg = ([source.id for source in table] for table in (self.backgrounds, self.foregrounds))
        splits = plan_splits(ids_bg, ids_fg, self.per_pair, config, config.samples)
        self.splits = {split.name: split for split in splits}

    def __len__(self) -> int:
        return sum(split.samples for split in self.splits.values())

    def placement(self, split: str, place: int, attempt: int = 0) -> Placement:
        """Return the placement at `place` of `split`, drawn for the `attempt`-th time."""
        part = self.splits[split]
        whole = "all" if self.config.holdout == "sample" else split
        index = permute(part.start + place, part.population, self.config.seed, whole)
        index, variant = divmod(index, self.per_pair)
        index, fg = divmod(index, len(part.foregrounds))
        position, mirrored = divmod(variant, 2) if self.config.mirror else (variant, 0)
        background = self.backgrounds[part.backgrounds[index]]
        foreground = self.foregrounds[part.foregrounds[fg]]
        return place_box(self.config, background.id, foreground, position, bool(mirrored), attempt)

    def shards(self) -> list[Shard]:
        """Return every shard, split after split."""
        size = self.config.shard_size
        return [
            Shard(split.name, index, start, min(start + size, split.samples))
            for split in self.splits.values()
            for index, start in enumerate(range(0, split.samples, size))
        ]


def place_box(
    config: BuildConfig, background: str, foreground: Source, position: int, mirrored: bool, attempt: int
) -> Placement:
    """Draw the box of one placement from the key of its plain twin."""
    plain = SampleKey(background, foreground.id, position)
    twin = str(plain)
    retry = f"#{attempt}" if attempt else ""
    canvas_h, canvas_w = config.canvas
    height, width = foreground.height, foreground.width
    if config.scale_range is not None:
        low, high = config.scale_range
        scale = low + (high - low) * (draw(config.seed, twin, "scale" + retry, 2**32) / (2**32 - 1))
        height, width = box_size(foreground, config.canvas, scale)
    # How many rows may lie outside where as many columns as can be are inside; then how many columns may,
    # given the rows that do.
    visible_px = (1 - config.truncate) * height * width
    spare = max(height - math.ceil(visible_px / min(width, canvas_w)), height - canvas_h, 0)
    top = draw(config.seed, twin, "top" + retry, canvas_h - height + 2 * spare + 1) - spare
    rows = min(canvas_h, top + height) - max(0, top)
    spare = max(width - math.ceil(visible_px / rows), width - canvas_w, 0)
    left = draw(config.seed, twin, "left" + retry, canvas_w - width + 2 * spare + 1) - spare
    return Placement(
        key=str(plain._replace(mirrored=mirrored)),
        background=background,
        foreground=foreground.id,
        position=position,
        mirrored=mirrored,
        top=top,
        left=left,
        height=height,
        width=width,
        attempt=attempt,
    )


def drawn_stand(config: BuildConfig, placement: Placement) -> float:
    """Return how far in front of its floor a cut-out stands in composed depth, in [0, 1]; twins stand alike."""
    if config.stand == "floor":
        return 0.0
    twin = str(SampleKey(placement.background, placement.foreground, placement.position))
    return draw(config.seed, twin, "stand", 2**32) / (2**32 - 1)


def box_size(foreground: Source, canvas: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the (height, width) that a foreground takes at `scale`, proportions kept, at least 1 px."""
    factor = scale / max(foreground.height / canvas[0], foreground.width / canvas[1])
    return max(1, round(foreground.height * factor)), max(1, round(foreground.width * factor))


def _check_fit(foregrounds: Sequence[Source], config: BuildConfig) -> None:
    """Refuse foregrounds whose largest box leaves more outside the canvas than `--truncate` allows."""
    too_large = []
    for source in foregrounds:
        height, width = source.height, source.width
        if config.scale_range is not None:
            height, width = box_size(source, config.canvas, config.scale_range[1])
        inside = min(height, config.canvas[0]) * min(width, config.canvas[1])
        if inside < (1 - config.truncate) * height * width:
            too_large.append(f"{source.id} ({width}x{height})")
    if too_large:
        shown = ", ".join(too_large[:5]) + (f" and {len(too_large) - 5} more" if len(too_large) > 5 else "")
        raise PlacementError(
            f"{counted(len(too_large), 'foreground')} cannot fit on a {config.canvas[1]}x{config.canvas[0]} canvas "
            f"with {option('scale', config.scale)} and {option('truncate', config.truncate)}: {shown}. "
            f"Use a larger {option('size')}, a smaller {option('scale')}, or a larger {option('truncate')}"
        )
