"""Who imports whom, what an import costs, and that the docs describe the packages that there are."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ORDER = {
    "fgbg_data": [
        *(
            "errors",
            "versions",
            "text",
            "options",
            "registry",
            "key",
            "sample",
            "splits",
            "runtime",
            "command_line",
            "pictures",
        ),
        *(
            "codecs",
            "fields",
            "ground",
            "drawing",
            "depth",
            "exam",
            "shards",
            "dataset",
            "scene_options",
            "config_files",
            "config",
            "compositing",
            "writing",
            "building",
        ),
        *(
            "deriving",
            "exporting",
            "publishing",
            "cutting",
            "labelling",
            "examining",
            "surveying",
            "viewing",
            "checking",
            "testing",
            "demo",
            "cli",
            "__main__",
        ),
    ],
    "fgbg_train": [
        *("errors", "schedule", "network_names", "metric_names", "settings", "config", "devices", "models"),
        *("data", "losses", "measure", "run", "training", "use", "cli", "__main__"),
    ],
}
"""The packages and modules of each program, along the data flow: each imports only what stands before it."""

READING_SIDE = {
    "command_line",
    "dataset",
    "drawing",
    "depth",
    "errors",
    "exam",
    "options",
    "pictures",
    "runtime",
    "sample",
    "text",
}
"""What the trainer may import of `fgbg_data`."""


def imported(path: Path, package: str) -> set[str]:
    """Return the packages of `package` that a file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith(f"{package}.")}
    return found


def inner_package(path: Path, package: str) -> str:
    """Return the package or module right below `package` to which a file belongs."""
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


FILES = [(package, path) for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("package", list(ORDER))
def test_the_order_names_every_package(package: str) -> None:
    there = {inner_package(path, package) for path in (ROOT / package).rglob("*.py")} - {"__init__"}
    assert there == set(ORDER[package])


@pytest.mark.parametrize(("package", "path"), FILES, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_imports_point_one_way(package: str, path: Path) -> None:
    here = inner_package(path, package)
    if here == "__init__":
        return
    order = ORDER[package]
    later = {name for name in imported(path, package) & set(order) if order.index(name) > order.index(here)}
    assert not later, f"{here} imports {later}, which come after it"


def test_the_trainer_uses_only_the_reading_side() -> None:
    public = set(__import__("fgbg_data").__all__)
    for path in (ROOT / "fgbg_train").rglob("*.py"):
        assert imported(path, "fgbg_data") <= READING_SIDE | public, path
    for path in (ROOT / "fgbg_data").rglob("*.py"):
        assert "fgbg_train" not in path.read_text().replace("fgbg-train", ""), path


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("package", list(ORDER))
def test_importing_a_package_is_light(package: str) -> None:
    loaded = loaded_by(f"import {package}")
    assert package in loaded
    assert not {"torch", "cv2", "h5py", "transformers", "timm", "numpy", "PIL", "rich"} & loaded


def test_reading_a_dataset_loads_no_estimator_no_builder_and_no_rich(dataset: Path) -> None:
    loaded = loaded_by(f"from fgbg_data import open_dataset\nopen_dataset({str(dataset)!r})[0]")
    assert "fgbg_data.dataset.reading" in loaded
    assert not {"torch", "rich", "transformers", "timm", "PIL", "joblib"} & loaded
    for package in ("depth", "config", "compositing", "writing", "building", "deriving", "viewing", "checking", "cli"):
        assert f"fgbg_data.{package}" not in loaded, package


@pytest.mark.parametrize("package", list(ORDER))
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


@pytest.mark.parametrize("package", list(ORDER))
def test_every_public_name_can_be_loaded_and_no_module_takes_its_place(package: str) -> None:
    module = __import__(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith(f"{package}."), name
        assert not (ROOT / package / f"{name}.py").exists(), f"{name} is a function and a module"
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # noqa: B018


def table_of_packages(package: str) -> str:
    """Return the rows of docs/structure.md: each name in the order, and the first sentence of its docstring."""
    rows = []
    for name in ORDER[package]:
        path = ROOT / package / name
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, path
        if name != "__main__":
            rows.append(f"| `{name}` | {' '.join(docstring.partition(chr(10) * 2)[0].split())} |")
    return "\n".join(rows)


@pytest.mark.parametrize("package", list(ORDER))
def test_the_docs_describe_the_packages_by_their_docstrings(package: str) -> None:
    page = (ROOT / "docs" / "structure.md").read_text()
    table = table_of_packages(package)
    assert table in page, f"docs/structure.md should hold this table:\n{table}"
