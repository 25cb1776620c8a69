"""A dataset that samples are copied from: its manifest, and its splits, open for reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fgbg_data.codecs.pictures import image_format_of
from fgbg_data.dataset.identity import RecordedConfig
from fgbg_data.dataset.layout import find_shards, find_splits, format_of_files
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.split_reader import SplitReader
from fgbg_data.deriving.bare_shards import check_fields, describe_shards
from fgbg_data.errors import ConfigError, ManifestError, ShardError, option
from fgbg_data.fields import depth_fields
from fgbg_data.runtime import locations, remote
from fgbg_data.runtime.copies import FileCopies
from fgbg_data.runtime.locations import Location, resolved
from fgbg_data.shards.registry import format_options
from fgbg_data.shards.spec import ShardSpec

COPIES_BYTES = 20e9
"""Largest size of the copies on this machine of shards that are read from URLs."""


@dataclass(frozen=True, kw_only=True)
class InputDataset:
    """A dataset that samples are copied from."""

    path: str
    """Its folder or URL, as the user gave it."""
    manifest: Manifest
    """Its manifest; for bare shards, what `describe_shards` says."""
    splits: Mapping[str, SplitReader]
    """Split -> its samples. A split without samples is left out."""
    image_codec: str | None
    """Codec of its image files, jpg or png; None if it holds only pixels."""

    @property
    def config(self) -> RecordedConfig:
        """The options of its build, as far as they are known."""
        return self.manifest.identity.config

    @property
    def image_format(self) -> str:
        """The format of image files that its manifest declares: jpg or png."""
        return self.manifest.fields["image"].suffix

    @property
    def depth_bits(self) -> int:
        """Bits of its depth codes; 0 without depth."""
        return (self.config.depth_bits or 16) if depth_fields(self.manifest.shapes) else 0

    def spec(self, *, image_format: str | None = None, options: Mapping[str, str] | None = None) -> ShardSpec:
        """Return what its samples have in common; the number of samples is left at 0.

        Args:
            image_format: jpg or png; None is the one that it declares.
            options: options of formats, such as `hdf5_layout`; None are those that it declares.
        """
        return ShardSpec(
            samples=0,
            image_format=image_format or self.image_format,
            shapes=self.manifest.shapes,
            depth_bits=self.depth_bits,
            options=format_options(self.config.values) if options is None else options,
        )


def open_input(path: str | Path, *, out: Location, encoded_files: bool = True) -> InputDataset:
    """Open a dataset to copy samples from.

    Args:
        path: its folder or URL, with or without `dataset.json`.
        out: folder or URL that is written to.
        encoded_files: read the format that holds encoded files, if there is one; else the format that is read fastest.

    Raises:
        ConfigError: `out` is this dataset, or lies in it or around it.
        ManifestError: its build is not finished, or it has a field of a package that is not installed.
        FgbgError: it cannot be read, or it lacks a field.
    """
    root = locations.locate(path)
    _check_apart(root, out)
    layouts = {split: find_shards(root, split) for split in find_splits(root)}
    manifest = next(iter(layouts.values())).manifest
    if manifest is not None and not manifest.complete:
        raise ManifestError("its build is not finished; run the same build command first", where=path)
    if manifest is not None and manifest.unknown_fields:
        raise ManifestError(
            f"has the field {manifest.unknown_fields[0]!r}, which no installed package knows, so it cannot be copied. "
            "Install the package that adds it",
            where=path,
        )
    readers = {
        split: SplitReader(layout, format_of_files(layout) if encoded_files else None, copies=FileCopies(COPIES_BYTES))
        for split, layout in layouts.items()
    }
    splits = {split: reader for split, reader in readers.items() if len(reader)}
    if not splits:
        raise ShardError("holds no samples", where=path)
    first = next(iter(splits.values()))
    check_fields(first)
    first_file = first.reader(0).read_file(0, "image")
    image_codec = None if first_file is None else image_format_of(first_file)
    if manifest is None:
        manifest = describe_shards(splits, image_codec or "jpg")
    return InputDataset(path=str(path), manifest=manifest, splits=splits, image_codec=image_codec)


def _check_apart(root: Location, out: Location) -> None:
    """Refuse to write into a dataset that is read, or around it, or to a place that takes no dataset."""
    if isinstance(root, Path) == isinstance(out, Path):
        read, written = map(resolved, (root, out))
        if read == written or written.is_relative_to(read) or read.is_relative_to(written):
            raise ConfigError(f"{option('out', out)}: overlaps with {root}, which is read. Choose another folder")
    if isinstance(out, str):
        remote.check_writable(out)
