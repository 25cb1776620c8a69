"""The plan: a pure function from the index of a sample to its placement. It reads no file and touches no pixel."""

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.source_choice import SourceChoice
from fgbg_data.compositing.source_file import Source
from fgbg_data.config import BuildConfig
from fgbg_data.errors import PlacementError, option
from fgbg_data.key import Kind, SampleKey
from fgbg_data.splits import join_units, permute, plan_splits
from fgbg_data.text import counted


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Everything that determines one sample before pixels.

    The *box* is the rectangle that the cut-out fills. It may reach beyond the canvas as far as the option `truncate`
    allows; what lies outside is cut off.
    """

    key: str
    """Name of the sample, unique in the dataset."""
    background: str
    """Id of the background."""
    foreground: str
    """Id of the foreground."""
    position: int
    """Number of the placement of this foreground on this background, from 0."""
    mirrored: bool
    """Whether the cut-out is flipped left to right. The mirrored sample has the same box as its plain twin."""
    top: int
    """Row of the box's upper edge in pixels; negative above the canvas."""
    left: int
    """Column of the box's left edge in pixels; negative left of the canvas."""
    height: int
    """Height of the whole box in pixels."""
    width: int
    """Width of the whole box in pixels."""
    attempt: int = 0
    """How many earlier draws were dropped because their mask would have been empty."""


@dataclass(frozen=True)
class ShardRange:
    """The samples of one shard: the range `start` to `stop` of a split. It is the unit of a build's work."""

    split: str
    """Name of the split."""
    index: int
    """Number of the shard in the split, from 0."""
    start: int
    """Index of its first sample in the split."""
    stop: int
    """One more than the index of its last sample."""

    @property
    def samples(self) -> int:
        """Number of samples in the shard."""
        return self.stop - self.start


class SplitSources(NamedTuple):
    """The sources of a split, among which further objects and decoys are chosen."""

    foregrounds: Mapping[str, Source]
    """Id -> foreground."""
    foreground_choice: SourceChoice
    """Chooses one of the foregrounds by a draw."""
    background_choice: SourceChoice
    """Chooses one of the backgrounds by a draw."""


class ShardRanges(Sequence[ShardRange]):
    """The shards of a plan, each computed when it is asked for: a million of them take no memory.

    Args:
        samples: split -> number of its samples, in order.
        size: samples in a shard; the last one of a split may have fewer.
        numbers: which of all shards these are; None takes all.
    """

    def __init__(self, samples: Mapping[str, int], size: int, numbers: range | None = None) -> None:
        self._samples = dict(samples)
        self.size = size
        """Samples in a shard; the last one of a split may have fewer."""
        self.counts = {split: -(-count // size) for split, count in self._samples.items()}
        """Split -> number of its shards, over all numbers."""
        self._ends = list(itertools.accumulate(self.counts.values()))
        self._numbers = range(self._ends[-1] if self._ends else 0) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, item: int) -> ShardRange: ...

    @overload
    def __getitem__(self, item: slice) -> "ShardRanges": ...

    def __getitem__(self, item: int | slice) -> "ShardRange | ShardRanges":
        if isinstance(item, slice):
            return ShardRanges(self._samples, self.size, self._numbers[item])
        number = self._numbers[item]
        row = bisect.bisect_right(self._ends, number)
        split = tuple(self._samples)[row]
        index = number - (self._ends[row - 1] if row else 0)
        return ShardRange(split, index, index * self.size, min((index + 1) * self.size, self._samples[split]))


class Plan:
    """The placements of a whole dataset, each computed when it is asked for.

    A plan of a billion samples costs no more memory than one of ten.

    Args:
        config: the configuration of the build.
        backgrounds: all backgrounds, sorted by id.
        foregrounds: all foregrounds, sorted by id.

    Raises:
        ConfigError: there are too few sources or samples for the splits.
        PlacementError: some foregrounds cannot fit on the canvas; the text names them.
    """

    def __init__(self, config: BuildConfig, backgrounds: Sequence[Source], foregrounds: Sequence[Source]) -> None:
        self.config = config
        self.backgrounds = list(backgrounds)
        self.foregrounds = list(foregrounds)
        self._foregrounds = {source.id: source for source in self.foregrounds}
        self.per_pair = config.positions * (2 if config.mirror else 1)
        _check_fit(self.foregrounds, config)
        ids_bg, ids_fg = ([source.id for source in table] for table in (self.backgrounds, self.foregrounds))
        units: dict[Kind, list[int]] = {
            "background": join_units([source.marks for source in self.backgrounds]),
            "foreground": join_units([source.marks for source in self.foregrounds]),
        }
        splits = plan_splits(ids_bg, ids_fg, self.per_pair, config, _placements(config), units)
        self.splits = {split.name: replace(split, samples=split.samples * config.twins) for split in splits}
        self._split_sources: dict[str, SplitSources] = {}

    def __len__(self) -> int:
        return sum(split.samples for split in self.splits.values())

    def placement(self, split: str, index: int, attempt: int = 0) -> Placement:
        """Return the placement of one sample, of its primary object if it has several.

        Args:
            split: name of the split.
            index: index of the sample in the split, from 0.
            attempt: how many earlier draws of this placement were dropped.
        """
        key = self.key(split, index)
        foreground = self._foregrounds[key.foreground]
        return place_box(self.config, key.background, foreground, key.position, key.mirrored, attempt)

    def key(self, split: str, index: int) -> SampleKey:
        """Return the key of one sample.

        Args:
            split: name of the split.
            index: index of the sample in the split, from 0.
        """
        part = self.splits[split]
        index, twin = divmod(index, self.config.twins)
        # The order of samples is a permutation, so that every shard is a fair mixture of the split.
        whole = "all" if self.config.holdout == "sample" else split
        number = permute(part.start + index, part.population, self.config.seed, whole)
        number, variant = divmod(number, self.per_pair)
        bg, fg = divmod(number, len(part.foregrounds))
        position, mirrored = divmod(variant, 2) if self.config.mirror else (variant, 0)
        background = self.backgrounds[part.backgrounds[bg]].id
        foreground = self.foregrounds[part.foregrounds[fg]].id
        return SampleKey(background, foreground, position, bool(mirrored), twin=twin)

    def split_sources(self, split: str) -> SplitSources:
        """Return the sources of a split, among which further objects and decoys are chosen."""
        if split not in self._split_sources:
            part = self.splits[split]
            foregrounds = [self.foregrounds[number] for number in part.foregrounds]
            self._split_sources[split] = SplitSources(
                {source.id: source for source in foregrounds},
                SourceChoice([source.id for source in foregrounds]),
                SourceChoice([self.backgrounds[number].id for number in part.backgrounds]),
            )
        return self._split_sources[split]

    def shards(self) -> "ShardRanges":
        """Return all shards, in the order of the splits. The twins of a sample are in one shard."""
        size = self.config.shard_size - self.config.shard_size % self.config.twins
        return ShardRanges({split.name: split.samples for split in self.splits.values()}, size)


def _placements(config: BuildConfig) -> int | None:
    """Return the number of placements that are taken in all, each of which has as many samples as there are twins."""
    return None if config.samples is None else config.samples // config.twins


def place_box(
    config: BuildConfig, background: str, foreground: Source, position: int, mirrored: bool, attempt: int
) -> Placement:
    """Draw the box of one sample and return its placement.

    Every draw is named by the key of the plain twin, so that twins share their box, and so that a placement depends on
    no other source and on no order.

    Args:
        config: the configuration of the build.
        background: id of the background.
        foreground: the foreground with its size.
        position: number of the placement of this foreground on this background.
        mirrored: whether the cut-out is flipped.
        attempt: how many earlier draws were dropped.
    """
    plain = SampleKey(background, foreground.id, position)
    top, left, height, width = draw_box(config, foreground, Draws(config.seed, str(plain)).of_object(1, attempt))
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


def draw_box(config: BuildConfig, foreground: Source, draws: Draws) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) in pixels of the box that is drawn for a foreground.

    Args:
        config: the configuration of the build.
        foreground: the foreground with its size.
        draws: the draws of the object.
    """
    canvas_h, canvas_w = config.canvas
    height, width = foreground.height, foreground.width
    if config.scale_range is not None:
        height, width = box_size(foreground, config.canvas, draws.within("scale", *config.scale_range))
    # Of the box's area, at least `visible_px` must stay on the canvas. First comes the largest number of rows that may
    # lie outside, if as many columns as possible lie inside; then the largest number of columns, given these rows.
    visible_px = (1 - config.truncate) * height * width
    spare = max(height - math.ceil(visible_px / min(width, canvas_w)), height - canvas_h, 0)
    top = draws.below("top", canvas_h - height + 2 * spare + 1) - spare
    rows = min(canvas_h, top + height) - max(0, top)
    spare = max(width - math.ceil(visible_px / rows), width - canvas_w, 0)
    left = draws.below("left", canvas_w - width + 2 * spare + 1) - spare
    return top, left, height, width


def box_size(foreground: Source, canvas: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the (height, width) of a foreground's box in pixels, at least 1 each; proportions are kept.

    Args:
        foreground: the foreground with its size.
        canvas: (height, width) of the canvas in pixels.
        scale: max(box height / canvas height, box width / canvas width).

    >>> box_size(Source("cat", 80, 60), (100, 100), 0.5)
    (50, 38)
    """
    factor = scale / max(foreground.height / canvas[0], foreground.width / canvas[1])
    return max(1, round(foreground.height * factor)), max(1, round(foreground.width * factor))


def _check_fit(foregrounds: Sequence[Source], config: BuildConfig) -> None:
    """Raise an error that names the foregrounds whose largest box would lose more than `truncate` allows."""
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
