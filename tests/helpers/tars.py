"""Tars that tests write, read as dictionaries, and damage on purpose."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from fgbg_data.codecs.pictures import encode_mask
from fgbg_data.sample import Sample, canonical_json


def tar_members(path: Path) -> dict[str, bytes]:
    """Name -> content of the members of a tar, in order."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    """Write a tar of these names and contents, as another tool might."""
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def members_of(sample: Sample, name: str | None = None) -> list[tuple[str, bytes]]:
    """Return name and content of the members of a sample without depth; its key is the name by default."""
    name = name or sample.key
    return [
        (f"{name}.jpg", sample.files["image"]),
        (f"{name}.mask.png", encode_mask(sample.mask)),
        (f"{name}.json", canonical_json(sample.meta).encode()),
    ]


def rewrite_tar(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Let `change` edit the members of a tar, and pack them again as they were."""
    files = tar_members(path)
    with tarfile.open(path) as tar:
        headers = {member.name: member for member in tar}
    change(files)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            header = headers.get(name, tarfile.TarInfo(name))
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
