"""The walls of the house: who imports whom, what an import costs, what docs/structure.md says is there."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    {"errors", "jpeg", "malloc", "png", "sample"},
    {
        "config",
        "sources",
        "plan",
        "compose",
        "relief",
        "depth",
        "shards",
        "storage",
        "sums",
        "manifest",
        "demo",
        "pixels",
        "pictures",
    },
    {
        "progress",
        "sweep",
        "parallel",
        "layout",
        "scans",
        "store",
        "worker",
        "source_depth",
        "project",
        "forecast",
        "card",
        "output",
        "production",
    },
    {"build", "dataset", "decode", "info", "preview", "verify", "inspect_shard", "rerender", "stats"}
    | {"origin", "transfer", "convert", "merge", "resplit", "gallery", "view", "photos"},
    {"cli", "cli_base", "cli_read", "cli_convert", "cli_depth"},
]


def module_of(path: Path) -> str:
    """The room of a file: its module, or the folder that it is in."""
    return path.relative_to(ROOT / "fgbg_data").parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Rooms of fgbg_data that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("fgbg_data.")}
    return found


def layer(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


FILES = sorted(path for path in (ROOT / "fgbg_data").rglob("*.py") if path.parent.name or path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    if path == ROOT / "fgbg_data" / "__init__.py":
        return
    here = layer(module_of(path))
    rooms = {rooms for rooms in imports(path) if any(rooms in known for known in LAYERS)}
    upwards = {room for room in rooms if layer(room) > here}
    assert not upwards, f"{module_of(path)} imports {upwards}"


def test_the_trainer_uses_only_the_reading_side() -> None:
    for path in (ROOT / "fgbg_train").rglob("*.py"):
        assert imports(path) <= {
            "errors",
            "dataset",
            "open_dataset",
            "depth",
            "sample",
            "preview",
            "storage",
            "malloc",
        }, path
    for path in (ROOT / "fgbg_data").rglob("*.py"):
        assert "fgbg_train" not in path.read_text().replace("fgbg-train", ""), path


@pytest.mark.parametrize("package", ["fgbg_data", "fgbg_train"])
def test_importing_stays_light(package: str) -> None:
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert package in loaded
    heavy = {"torch", "cv2", "h5py", "transformers", "timm", "numpy", "PIL", "rich"} & set(loaded)
    assert not heavy


@pytest.mark.parametrize("package", ["fgbg_data", "fgbg_train"])
def test_help_is_light(package: str) -> None:
    code = (
        f"import sys; from {package}.cli import main; "
        "main(['--help'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert time.monotonic() - started < 5  # a hang, not a benchmark
    assert "Commands:" in done.stdout
    heavy = {"torch", "cv2", "h5py", "numpy", "rich", "transformers", "onnxruntime", "huggingface_hub"}
    assert not heavy & set(done.stderr.split())


def test_public_names() -> None:
    import fgbg_data

    assert sorted(fgbg_data._HOMES) == sorted(fgbg_data.__all__)
    for name in fgbg_data.__all__:
        assert getattr(fgbg_data, name).__module__.startswith("fgbg_data."), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fgbg_data.nothing  # noqa: B018


def test_the_tree_of_the_docs_is_the_tree() -> None:
    tree = (ROOT / "docs" / "structure.md").read_text()
    for package in ("fgbg_data", "fgbg_train"):
        for path in (ROOT / package).iterdir():
            if path.suffix == ".py" and path.name not in ("__init__.py",):
                assert f"{path.name} " in tree, f"{package}/{path.name} is not in docs/structure.md"
            if path.is_dir() and (path / "__init__.py").is_file():
                assert f"{path.name}/ " in tree, f"{package}/{path.name}/ is not in docs/structure.md"
