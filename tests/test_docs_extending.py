"""docs/extending.md shows a package that works: modules, entry points, and the contract suites that they pass."""

import io
import os
import re
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from helpers.docs import DOCS, blocks, run, run_shell

PAGE = (DOCS / "extending.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def home(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package of the page as if pip had installed it, and with the pictures as bg/ and fg/."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (toml,) = blocks(PAGE, "toml")
    project = tomllib.loads(toml)["project"]
    installed = tmp_path / f"fgbg_extras-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
              for group, points in project["entry-points"].items()]  # fmt: skip
    (installed / "entry_points.txt").write_text("\n".join(groups))
    for name in ("bg", "fg"):
        (tmp_path / name).symlink_to(pictures / name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def test_the_commands_build_verify_and_convert_with_the_new_names(home: Path) -> None:
    script = next(block for block in blocks(PAGE, "sh") if "--format tar,zip" in block)
    run_shell(script.replace("--out shards/ ", "--out shards/ --size 48 --samples 40 "), home)
    assert list((home / "shards/train").glob("*.zip"))
    assert list((home / "shards-h5/train").glob("*.h5"))
    read = "print(open_dataset('shards', format=name)[0].image.sum())"
    code = f"from fgbg_data import open_dataset\nfor name in ('tar', 'zip'): {read}"
    tar, archive = run([sys.executable, "-c", code], home).split()
    assert tar == archive
    code = "from fgbg_data import open_dataset\nprint(open_dataset('shards', format='zip')[0].edges.shape)"
    assert run([sys.executable, "-c", code], home) == "(48, 48)\n"


def test_a_field_of_the_package_is_read_from_a_tar(home: Path, dataset: Path) -> None:
    (home / "edges").mkdir()
    shard = next((dataset / "train").glob("*.tar"))
    with tarfile.open(shard) as old, tarfile.open(home / "edges/some.tar", "w") as new:
        for member in old.getmembers():
            stream = old.extractfile(member)
            assert stream is not None
            data = stream.read()
            new.addfile(member, io.BytesIO(data))
            if member.name.endswith(".mask.png"):
                member.name = member.name.replace(".mask.png", ".edges.png")
                new.addfile(member, io.BytesIO(data))
    code = "from fgbg_data import open_dataset\nsample = open_dataset('edges')[0]\n"
    assert run([sys.executable, "-c", f"{code}print((sample['edges'] == sample.mask).all())"], home) == "True\n"


def test_the_contract_suites_pass(home: Path) -> None:
    shown = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fgbg_extras.py"], home)
    assert " passed" in shown


def test_a_program_can_register_the_same_objects(home: Path) -> None:
    (script,) = blocks(PAGE, "python")
    check = 'from fgbg_data import load_estimator\nprint(load_estimator("green-2", "cpu").name)'
    assert run([sys.executable, "-c", f"{script}\n{check}"], home) == "green\n"


def test_bash_completes_commands(tmp_path: Path) -> None:
    (script,) = blocks(PAGE, "bash")
    words = "COMP_WORDS=(fgbg-data bui); COMP_CWORD=1; _fgbg_data_completion fgbg-data; echo ${COMPREPLY[@]}"
    assert run_shell(f"{script}\n{words}", tmp_path) == "build\n"
