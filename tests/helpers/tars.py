"""Tars as dictionaries, to look into them and to damage them on purpose."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path


def tar_members(path: Path) -> dict[str, bytes]:
    """Name -> content of the members of a tar, in order."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


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
