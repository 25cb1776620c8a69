"""Convert a dataset to other shard formats, or to loose files and back; pixels and codes of depth are kept."""

from pathlib import Path

from fgbg_data.dataset.manifest import Manifest
from fgbg_data.deriving.copying import CopyMaker, derived_identity, tasks_as_cut
from fgbg_data.deriving.input import InputDataset, open_input
from fgbg_data.deriving.shard_copier import InputSplit
from fgbg_data.errors import ConfigError, option
from fgbg_data.options import between, one_of
from fgbg_data.runtime.locations import to_location
from fgbg_data.runtime.progress import Progress
from fgbg_data.shards.registry import check_formats, check_options, format_options, load_format, manifest_options


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
    """Write a dataset in other formats. The same call resumes a stopped one.

        manifest = convert("shards/", "shards-h5/", format="hdf5")

    Keys, order and splits stay. Image files are carried over byte by byte, unless their codec changes.

    Args:
        path: folder or URL of the dataset, with or without `dataset.json`.
        out: folder or URL that becomes the new dataset.
        format: names of one or more formats: `tar`, `hdf5`, `folder`.
        image_format: format of the image files, `jpg` or `png`; None keeps that of the dataset.
        reencode: allow JPEGs to be made of pixels or of PNGs; this changes the pixels.
        quality: quality of those JPEGs, 1 to 100.
        hdf5_layout: what HDF5 files hold: decoded `pixels`, or the `encoded` files of a tar.
        jobs: number of worker processes; 0 starts one for each core.
        check: on resume, compare the sha256 of finished shards, not only their size.
        progress: see `build`.

    Returns:
        The manifest of the complete dataset.

    Raises:
        FgbgError: there is no such dataset, a sample of it is damaged, or the options cannot work.
    """
    names = [name.strip() for name in format.split(",")] if isinstance(format, str) else list(format)
    formats = check_formats(names)
    check_options({"hdf5_layout": hdf5_layout})
    if image_format is not None:
        one_of("image_format", image_format, ("jpg", "png"))
    between("quality", quality, 1, 100)
    options = format_options({"hdf5_layout": hdf5_layout}, formats)
    holds_files = any(load_format(name).holds_files(options) for name in formats)
    out = to_location("out", out)
    dataset = open_input(path, out=out, encoded_files=holds_files)
    image_format = image_format or dataset.image_format
    if not holds_files and image_format != dataset.image_format:
        raise ConfigError(f"{option('image_format', image_format)}: HDF5 of pixels holds no image files; leave it out")
    makes_jpeg = holds_files and image_format == "jpg" and dataset.image_codec != "jpg"
    if makes_jpeg and not reencode:
        _refuse_jpeg(dataset)
    recorded = {"format": list(formats), **manifest_options(options, formats)}
    input_splits = [InputSplit(reader=reader) for reader in dataset.splits.values()]
    return CopyMaker(
        out=out,
        identity=derived_identity(
            [dataset],
            "convert",
            recorded
            | {
                "image_format": image_format,
                "reencoded": {"image": "jpg", "quality": quality} if makes_jpeg else None,
            },
            config=dataset.config.changed(**recorded),  # its image_format tells how the pixels were first made
        ),
        splits={split: dataset.manifest.splits[split] for split in dataset.splits},
        provenance=dataset.manifest.provenance,
        spec=dataset.spec(image_format=image_format, options=options),
        inputs=input_splits,
        tasks=tasks_as_cut(input_splits, list(dataset.splits)),
        reencode_quality=quality if makes_jpeg else None,
        jobs=jobs,
        check=check,
    ).run(progress)


def _refuse_jpeg(dataset: InputDataset) -> None:
    holds = "PNG files" if dataset.image_codec == "png" else "pixels, no JPEG files"
    raise ConfigError(
        f"holds {holds}; writing JPEG would change the pixels (lossy re-encoding). Use "
        f"{option('image_format', 'png')} to keep the pixels, or {option('reencode', True)} to accept that",
        where=dataset.path,
    )
