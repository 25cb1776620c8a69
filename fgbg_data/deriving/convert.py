"""Convert a dataset to another format: shards to shards or to loose files, and back; pixels and codes are kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fgbg_data.dataset.manifest import Manifest, declared_fields
from fgbg_data.deriving.copy import CopyMaker, CopyTask, CopyWork, InputSplit, check_apart, history
from fgbg_data.deriving.input import Origin, open_origin
from fgbg_data.errors import ConfigError, option
from fgbg_data.options import one_of
from fgbg_data.runtime.progress import Progress
from fgbg_data.shards.registry import check_formats, check_options, format_options, load_format, manifest_options
from fgbg_data.shards.spec import ShardSpec


def convert(
    path: str | Path,
    out: str | Path,
    *,
    format: str | tuple[str, ...],
    image_format: str | None = None,
    reencode: bool = False,
    quality: int = 95,
    hdf5_layout: str = "pixels",
    jobs: int = 0,
    check: bool = False,
    progress: Progress = None,
) -> Manifest:
    """Write the dataset at `path` anew in other formats, or go on where an earlier run stopped.

    Keys, order and splits stay. Image files are carried byte by byte where the codec stays.

    Args:
        path: of the dataset, with or without `dataset.json`.
        out: folder that becomes the dataset.
        format: one or more of tar, hdf5 and folder.
        image_format: jpg or png of the image files; None is that of the dataset.
        reencode: allow JPEGs to be made of pixels or PNGs, which changes the pixels.
        quality: of those JPEGs.
        hdf5_layout: `pixels`, or the `encoded` files.
        jobs: worker processes; 0 is one a core.
        check: when going on, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Returns:
        The manifest of the complete dataset.

    Raises:
        FgbgError: there is no such dataset, a sample of it is damaged, or the options cannot work.
    """
    out = Path(out)
    names = _formats(format)
    check_options({"hdf5_layout": hdf5_layout})
    if image_format is not None:
        one_of("image_format", image_format, ("jpg", "png"))
    if not 1 <= quality <= 100:
        raise ConfigError(f"{option('quality', quality)}: expected 1 to 100")
    options = format_options({"hdf5_layout": hdf5_layout}, names)
    files = any(load_format(name).holds_files(options) for name in names)
    origin = open_origin(path, files=files)
    check_apart(out, [origin])
    wanted = image_format or origin.image_suffix
    if not files and wanted != origin.image_suffix:
        raise ConfigError(f"{option('image_format', wanted)}: HDF5 of pixels holds no image files; leave it out")
    makes_jpeg = files and wanted == "jpg" and origin.image_files != "jpg"
    if makes_jpeg and not reencode:
        _refuse_jpeg(origin)
    spec = origin.spec(image_format=wanted, options=options)
    work = CopyWork(
        out=out,
        manifest=_manifest(origin, names, spec, quality if makes_jpeg else None),
        formats=names,
        inputs=tuple(InputSplit(store=store) for store in origin.stores.values()),
        spec=spec,
        reencode=quality if makes_jpeg else None,
    )
    return CopyMaker(work, _tasks(origin), jobs=jobs, check=check, verb="convert").run(progress)


def _formats(format: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats, in the order of the registry."""
    names = [name.strip() for name in format.split(",")] if isinstance(format, str) else list(format)
    return check_formats(names)


def _refuse_jpeg(origin: Origin) -> None:
    holds = "PNG files" if origin.image_files == "png" else "pixels, no JPEG files"
    raise ConfigError(
        f"{origin.path}: holds {holds}; writing JPEG would change the pixels (lossy re-encoding). Use "
        f"{option('image_format', 'png')} to keep the pixels, or {option('reencode', True)} to accept that"
    )


def _manifest(origin: Origin, names: tuple[str, ...], spec: ShardSpec, reencoded: int | None) -> Manifest:
    """Return the manifest, incomplete; the configuration still tells how the pixels were first made."""
    layout = manifest_options(spec.options, names)
    options = {
        "format": list(names),
        "image_format": spec.image_format,
        **layout,
        "reencoded": reencoded and {"image": "jpg", "quality": reencoded},
    }
    identity = replace(
        origin.manifest.identity,
        config=origin.config.changed(format=list(names), **layout),
        history=history([origin], "convert", options),
    )
    return Manifest.begin(
        identity,
        fields=declared_fields(spec),
        splits={split: origin.manifest.splits[split] for split in origin.stores},
        provenance=origin.manifest.provenance,
    )


def _tasks(origin: Origin) -> list[CopyTask]:
    """Return one task a shard: the shards stay as they are cut."""
    tasks = []
    for number, (split, store) in enumerate(origin.stores.items()):
        start = 0
        for index, count in enumerate(store.counts):
            tasks.append(CopyTask(split, index, np.full(count, number), np.arange(start, start + count)))
            start += count
    return tasks
