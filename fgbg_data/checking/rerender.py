"""Samples rendered again from their sources and compared pixel by pixel: the strictest check of a dataset."""

import random
from pathlib import Path

import numpy as np

from fgbg_data.building.rendering import finish_sample
from fgbg_data.checking.inspect_sample import key_of
from fgbg_data.checking.report import VerifyReport
from fgbg_data.compositing.arrange import make_decoy, make_object
from fgbg_data.compositing.camera import draw_camera
from fgbg_data.compositing.compose_scene import compose_scene
from fgbg_data.compositing.figures import Figure
from fgbg_data.compositing.source_cache import SourceCache
from fgbg_data.compositing.source_file import Source
from fgbg_data.compositing.stage import Grounds, Stages, read_grounds
from fgbg_data.config import BuildConfig
from fgbg_data.config_files import CLASSIC
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.manifest import MANIFEST, Manifest
from fgbg_data.dataset.reading import Dataset, open_dataset
from fgbg_data.errors import ConfigError, FgbgError, ManifestError, option
from fgbg_data.fields.objects import further_sources
from fgbg_data.key import KINDS, Kind, SampleKey
from fgbg_data.runtime.files import file_sha256
from fgbg_data.runtime.locations import Location, join, names_in
from fgbg_data.sample import Meta, Sample


def rerender_samples(
    root: Location, manifest: Manifest, bg: Path, fg: Path, count: int, seed: int, report: VerifyReport
) -> None:
    """Compare stored samples with the same samples rendered again.

    Args:
        root: folder or URL of the dataset.
        manifest: manifest of that dataset.
        bg: folder of the backgrounds.
        fg: folder of the foregrounds.
        count: number of samples, taken at random over all splits.
        seed: seed of this choice.
        report: gets the differences, and the number of samples that were compared.

    Raises:
        ManifestError: the manifest does not tell how the samples were made.
        ConfigError: a folder holds none of the sources.
    """
    renderer = Rerenderer(manifest, bg, fg, read_grounds(root, manifest))
    opened = [
        open_dataset(root, split, fields=("image", "mask", *renderer.config.object_fields, "meta"), on_error="skip")
        for split in manifest.splits
        if names_in(join(root, split))
    ]
    for dataset, number in _chosen(opened, count, seed):
        try:
            sample = dataset[number]
        except FgbgError:
            continue  # the inspection of its shard has already reported it
        for text in renderer.differences(sample):
            report.add(dataset.split, text, sample.key)
        report.rerendered += 1


def _chosen(datasets: list[Dataset], count: int, seed: int) -> list[tuple[Dataset, int]]:
    """Choose samples at random over all datasets; return each with its number in its dataset."""
    total = sum(len(dataset) for dataset in datasets)
    chosen = []
    for number in sorted(random.Random(seed).sample(range(total), min(count, total))):
        for dataset in datasets:
            if number < len(dataset):
                chosen.append((dataset, number))
                break
            number -= len(dataset)
    return chosen


class Rerenderer:
    """Renders samples of one dataset again, from the sources that its manifest names.

    Args:
        manifest: manifest of the dataset.
        bg: folder of the backgrounds.
        fg: folder of the foregrounds.
        grounds: the grounds of its backgrounds; None if objects are placed freely.

    Raises:
        ManifestError: the manifest does not tell how the samples were made.
    """

    def __init__(self, manifest: Manifest, bg: Path, fg: Path, grounds: Grounds | None = None) -> None:
        for step in manifest.identity.history:
            if step.options.reencoded or step.options.renamed:
                raise ManifestError(
                    f"fgbg-data {step.command} encoded images anew or renamed sources, so samples cannot be rendered "
                    f"again; leave out {option('rerender')}",
                    where=MANIFEST,
                )
        described = {name: value for name, value in manifest.identity.config.values.items() if value is not None}
        try:
            self.config = BuildConfig(
                **(described | {"bg": bg, "fg": fg, "out": ".", "extra_fields": (), "recipe": CLASSIC})
            )
        except TypeError as error:
            raise ManifestError(f"does not tell how to render samples again ({error})", where=MANIFEST) from error
        if self.config.place == "ground" and grounds is None:
            raise ManifestError(
                f"its objects stand on grounds that only the dataset of the build holds; verify that one, or leave out "
                f"{option('rerender')}",
                where=MANIFEST,
            )
        self._sources = {kind: {source.id: source for source in manifest.identity.sources.of(kind)} for kind in KINDS}
        self._folders: dict[Kind, Path] = {"background": bg, "foreground": fg}
        files = {kind: {name: s.file for name, s in found.items() if s.file} for kind, found in self._sources.items()}
        for kind, name in zip(KINDS, ("bg", "fg"), strict=True):
            if files[kind] and not any((self._folders[kind] / file).is_file() for file in files[kind].values()):
                raise ConfigError(
                    f"{option(name, self._folders[kind])}: none of the {len(files[kind])} {kind}s of this dataset is "
                    f"there. Are {option('bg')} and {option('fg')} swapped?"
                )
        self._cache = SourceCache(
            self.config, files["background"], files["foreground"], version=manifest.identity.format_version
        )
        self._stages = Stages(grounds)
        self._source_problems: dict[tuple[str, str], str] = {}

    def differences(self, sample: LoadedSample) -> list[str]:
        """Return the differences between a stored sample and the one that its sources give."""
        meta = sample.meta
        names = [(kind, name) for kind in KINDS for name in (meta.get(kind, ""), *further_sources(kind, meta))]
        problems = [self._source_problem(kind, name) for kind, name in names]
        if any(problems):
            return [problem for problem in problems if problem]
        key = key_of(meta)
        figures = [self._figure(key, found) for found in meta.get("objects", [meta | {"number": 1}])]
        decoys = [self._decoy(key, found) for found in meta.get("decoys", [])]
        camera = draw_camera(self.config.seed, str(key), self.config.camera)
        composite = compose_scene(self._cache.background(key.background), figures, decoys, camera)
        rendered = finish_sample(self.config, key, figures, decoys, composite)
        wrong = [
            f"its {name} is {meta.get(name)} by its meta, {rendered.meta.get(name)} by the plan"
            for name in ("box", "objects", "decoys")
            if meta.get(name) != rendered.meta.get(name)
        ]
        return wrong or self._pixel_differences(sample, rendered)

    def _figure(self, key: SampleKey, found: Meta) -> Figure:
        """Return an object of a sample as it is drawn again, given its number, its foreground and its attempt."""
        foreground, stage = self._foreground(found["foreground"]), self._stages.of(key.background)
        return make_object(self.config, key, found["number"], foreground, found["attempt"], self._cache, stage)

    def _decoy(self, key: SampleKey, found: Meta) -> Figure:
        """Return a decoy of a sample as it is drawn again, given its number and its sources."""
        foreground = self._foreground(found["foreground"])
        return make_decoy(self.config, key, found["number"], foreground, found["background"], self._cache)

    def _foreground(self, name: str) -> Source:
        """Return a foreground with the facts that a plan needs."""
        about = self._sources["foreground"][name]
        return Source(
            about.id,
            about.height or 0,
            about.width or 0,
            class_name=about.class_name,
            height_mm=about.height_mm or 0,
        )

    def _pixel_differences(self, sample: LoadedSample, rendered: Sample) -> list[str]:
        found = []
        for name in ("image", "mask", *self.config.object_fields):
            stored, again = sample[name], rendered.array(name)
            if again is None or stored.shape != again.shape:
                found.append(f"its {name} has another size than its sources give")
            elif not np.array_equal(stored, again):
                off = np.abs(stored.astype(np.int32) - again.astype(np.int32))
                found.append(
                    f"its {name} is not what its sources give: {np.count_nonzero(off)} values differ, by at most "
                    f"{off.max()}"
                )
        return found

    def _source_problem(self, kind: Kind, name: str) -> str:
        """Return what is wrong with a source file, or "" if the dataset was made of it. Each file is read once."""
        if (kind, name) not in self._source_problems:
            source = self._sources[kind].get(name)
            if source is None:
                problem = f"its {kind} {name!r} is not among the sources of the dataset"
            elif source.file is None or source.height is None or source.width is None:
                problem = f"{MANIFEST} does not give file and size of its {kind} {name!r}"
            else:
                path = self._folders[kind] / source.file
                if not path.is_file():
                    problem = f"its {kind} {path} is missing"
                else:
                    same = file_sha256(path) == source.sha256
                    problem = "" if same else f"its {kind} {path} is another file than the dataset was made of"
            self._source_problems[kind, name] = problem
        return self._source_problems[kind, name]
