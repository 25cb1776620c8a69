"""The versions that decide which bytes a shard has; all workers of a build need the same."""

import contextlib
import importlib.metadata
import sys

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
