"""Quick configurations of builds, and what a dataset folder holds."""

from pathlib import Path
from typing import Any

from fgbg_data.config import BuildConfig
from fgbg_data.dataset.file_names import NOT_DATA


def config_for(pictures: Path, out: Path, **options: Any) -> BuildConfig:
    """A quick build of 48 px samples; options replace the defaults here."""
    values: dict[str, Any] = {
        "bg": pictures / "bg",
        "fg": pictures / "fg",
        "out": out,
        "size": "48",
        "positions": 2,
        "depth": "none",
        "val": 0.2,
        "test": 0.2,
        "shard_size": 8,
        "jobs": 1,
    }
    return BuildConfig(**(values | options))


def config(**options: Any) -> BuildConfig:
    """A configuration of folders that do not exist; options replace the defaults of a build."""
    return BuildConfig(**({"bg": Path("bg"), "fg": Path("fg"), "out": Path("out")} | options))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset, or of any folder; what is no part of a dataset is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in NOT_DATA
    }
