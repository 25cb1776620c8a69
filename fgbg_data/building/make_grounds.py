"""The table of grounds of a build: made before the plan, and read again when the build resumes."""

from collections.abc import Sequence
from dataclasses import replace

from fgbg_data.building.estimating import load_for_workers
from fgbg_data.building.find_grounds import Background, Found, find_grounds
from fgbg_data.compositing.draws import Draws
from fgbg_data.compositing.occlusion import sharpen
from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.compositing.source_file import SourceFile
from fgbg_data.compositing.stage import Grounds, Light, StageEntry, digest_of, encode_nearness
from fgbg_data.config import BuildConfig
from fgbg_data.dataset.file_names import GROUNDS
from fgbg_data.depth.estimator import DepthEstimator
from fgbg_data.errors import ManifestError
from fgbg_data.ground.heights import class_in, height_mm, read_heights
from fgbg_data.ground.notes import GroundNote, read_notes
from fgbg_data.runtime import locations
from fgbg_data.runtime.mirror import local_folder_of
from fgbg_data.runtime.progress import ProgressReporter, activity
from fgbg_data.sample import Array

VERSION = 1
"""Version of the search for grounds. It changes when other grounds may be found in the same pictures."""
DEFAULT_ESTIMATOR = "tiny"
"""The estimator that looks for grounds if the dataset has no depth."""
ACROSS = (-200, 200)
"""Range from which `across` of the light of a background is drawn; see `Light`."""
BACK = (20, 110)
"""Range from which `back` of the light is drawn."""


def ground_estimator(config: BuildConfig, estimator: DepthEstimator | None) -> DepthEstimator:
    """Return the estimator that looks for grounds: that of the depth, or `tiny` if the dataset has no depth."""
    return estimator or load_for_workers(DEFAULT_ESTIMATOR, config.device, None)[0]


def make_grounds(
    config: BuildConfig, backgrounds: Sequence[SourceFile], estimator: DepthEstimator, shown: ProgressReporter
) -> Grounds:
    """Return the grounds of all backgrounds. Those that an earlier run of the same build has found are read again.

    Args:
        config: the configuration of the build.
        backgrounds: the usable backgrounds, in the order of their ids.
        estimator: sees each background once.
        shown: shows how far it is.

    Raises:
        FgbgError: `ground.csv` cannot be used, or the estimator fails.
    """
    notes = read_notes(local_folder_of(config.bg), [source.file for source in backgrounds])
    made_of = digest_of(
        [
            [VERSION, *config.canvas, config.fit, config.seed, config.camera_height],
            dict(estimator.identity()),
            *([s.id, s.sha256, *_listed(notes.get(s.file, GroundNote()))] for s in backgrounds),
        ]
    )
    found = _read(config, made_of)
    if found is not None:
        return found
    cache = SourceCache(config, {source.id: source.file for source in backgrounds}, {})
    images: dict[int, Array] = {}

    def load(number: int) -> Background:
        source = backgrounds[number]
        images[number] = cache.background(source.id)
        return Background(
            source.id, images[number], (source.height, source.width), notes.get(source.file, GroundNote())
        )

    entries = []
    with activity(shown, "grounds of the backgrounds", len(backgrounds), "pictures"):
        for number, ground in enumerate(
            find_grounds(estimator, len(backgrounds), load, fit=config.fit, report=shown.update)
        ):
            entries.append(_entry(config, backgrounds[number].id, ground, images.pop(number)))
    return Grounds(made_of, tuple(entries))


def _entry(config: BuildConfig, background: str, found: Found, image: Array) -> StageEntry:
    """Return the entry of a background, with its camera and its light, which are drawn."""
    draws = Draws(config.seed, background)
    light = Light(
        ACROSS[0] + draws.below("light across", ACROSS[1] - ACROSS[0] + 1),
        BACK[0] + draws.below("light back", BACK[1] - BACK[0] + 1),
    )
    camera_mm = round(1000 * draws.within("camera-height", *config.camera_range))
    if isinstance(found.ground, str):
        return StageEntry(
            background=background, ground=None, reason=found.ground, camera_mm=camera_mm, light=light, nearness=b""
        )
    return StageEntry(
        background=background,
        ground=found.ground,
        camera_mm=camera_mm,
        light=light,
        nearness=encode_nearness(sharpen(found.codes, image)),
    )


def _listed(note: GroundNote) -> tuple[bool, float | None]:
    return note.has_ground, note.horizon


def _read(config: BuildConfig, made_of: str) -> Grounds | None:
    """Return the table that lies in the folder of the dataset, if it was made of the same things."""
    location = locations.join(config.out, GROUNDS)
    if locations.size(location) is None:
        return None
    try:
        found = Grounds.parse(locations.read_text(location), str(location))
    except ManifestError:
        return None  # it is made again
    return found if found.made_of == made_of else None


def with_heights(config: BuildConfig, foregrounds: Sequence[SourceFile]) -> list[SourceFile]:
    """Return foregrounds with their heights in the scene: those of `sources.csv`, of their class, or drawn.

    The class is looked for in the path of the file. Each height is drawn once, so that it is constant over all samples.

    Raises:
        SourceError: `heights.toml` in the folder of the foregrounds cannot be used.
    """
    heights = read_heights(local_folder_of(config.fg))
    found = []
    for source in foregrounds:
        known = class_in(source.file.rpartition(".")[0], heights)
        share = Draws(config.seed, source.id).share("height")
        drawn = height_mm(share, heights[known] if known else None)
        found.append(replace(source, height_mm=source.height_mm or drawn))
    return found
