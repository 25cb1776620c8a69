"""The versions that decide which bytes a shard has; all workers of a build need the same."""

import contextlib
import importlib.metadata
import sys
from collections.abc import Mapping

import fgbg_data

PACKAGES = ("numpy", "opencv-python-headless", "simplejpeg", "zlib-ng", "h5py", "pillow")
"""Packages that compute or encode pixels."""


def versions() -> dict[str, str]:
    """Return the versions of this process: name -> version, without packages that are missing."""
    found = {"fgbg": fgbg_data.__version__, "python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def differing(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Return a text for each version that is not as wanted.

    >>> differing({"numpy": "2.1", "h5py": "3.12"}, {"numpy": "2.3", "h5py": "3.12", "pillow": "11.0"})
    ['numpy 2.1 instead of 2.3', 'pillow missing instead of 11.0']
    """
    return [
        f"{name} {found.get(name, 'missing')} instead of {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    ]
