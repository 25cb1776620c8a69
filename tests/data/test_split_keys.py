"""A dataset of chosen samples: `fgbg-data split --only-keys` and `--without-keys`."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.one_process import resplit, verify

from fgbg_data.cli import main
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.errors import ConfigError, FgbgError, UnknownKeyError


def keys_of(folder: Path) -> dict[str, list[str]]:
    return {split: list(open_dataset(folder, split).keys()) for split in Manifest.read(folder).splits}


@pytest.fixture
def marked(dataset: Path, tmp_path: Path) -> Path:
    """A file with the keys of some samples of two splits, as an editor of another system may leave it."""
    keys = keys_of(dataset)
    path = tmp_path / "keys.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*keys["val"][:2], "", *keys["train"][3:6]]).encode() + b" \r\n")
    return path


def test_only_the_listed_samples_are_taken_and_stay_in_their_splits(
    dataset: Path, marked: Path, tmp_path: Path
) -> None:
    out = tmp_path / "marked"
    command = ["split", str(dataset), "--only-keys", str(marked), "--keep-splits", "--out", str(out), "-j", "1"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    before = keys_of(dataset)
    assert keys_of(out) == {"train": before["train"][3:6], "val": before["val"][:2]}
    assert verify(out).ok
    for split, keys in keys_of(out).items():
        for key in keys:
            old, new = open_dataset(dataset, split)[key], open_dataset(out, split)[key]
            assert (old.image == new.image).all()
            assert (old.depth == new.depth).all()
            assert old.meta == new.meta
        backgrounds = {open_dataset(out, split)[key].meta["background"] for key in keys}
        assert set(Manifest.read(out).splits[split].backgrounds) == backgrounds


def test_the_listed_samples_are_left_out(dataset: Path, tmp_path: Path) -> None:
    before = keys_of(dataset)
    bad = [before["train"][0], before["test"][1]]
    resplit(dataset, tmp_path / "clean", without_keys=bad, keep_splits=True)
    assert keys_of(tmp_path / "clean") == {
        split: [key for key in keys if key not in bad] for split, keys in before.items()
    }
    assert verify(tmp_path / "clean").ok


def test_chosen_samples_can_be_assigned_anew(dataset: Path, tmp_path: Path) -> None:
    chosen = [key for keys in keys_of(dataset).values() for key in keys][::2]
    manifest = resplit(dataset, tmp_path / "half", only_keys=chosen, val=0.2, test=0.2)
    assert sorted(key for keys in keys_of(tmp_path / "half").values() for key in keys) == sorted(chosen)
    parts = [set(about.backgrounds) for about in manifest.splits.values()]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert verify(tmp_path / "half").ok


def test_other_keys_make_another_dataset(dataset: Path, tmp_path: Path) -> None:
    keys = keys_of(dataset)["train"]
    first = resplit(dataset, tmp_path / "a", only_keys=keys[:2], keep_splits=True)
    assert first == resplit(dataset, tmp_path / "b", only_keys=reversed(keys[:2]), keep_splits=True)
    assert first.fingerprint != resplit(dataset, tmp_path / "c", only_keys=keys[2:4], keep_splits=True).fingerprint
    with pytest.raises(FgbgError):
        resplit(dataset, tmp_path / "a", only_keys=keys[2:4], keep_splits=True)


def test_choices_that_cannot_work_are_refused(dataset: Path, tmp_path: Path) -> None:
    every = [key for keys in keys_of(dataset).values() for key in keys]
    out = tmp_path / "out"
    with pytest.raises(UnknownKeyError, match=r"lists 'room0_thing0_00' \(and 1 more\), .* 48 samples; did you mean"):
        resplit(dataset, out, only_keys=["room0_thing0_00", "zebra"])
    with pytest.raises(ConfigError, match="`without_keys` lists every sample, so that none is left"):
        resplit(dataset, out, without_keys=every)
    with pytest.raises(ConfigError, match="`only_keys` lists no key"):
        resplit(dataset, out, only_keys=[])
    with pytest.raises(ConfigError, match="not both"):
        resplit(dataset, out, only_keys=every, without_keys=every)
    with pytest.raises(ConfigError, match="val=0.3 has no effect beside keep_splits=True"):
        resplit(dataset, out, keep_splits=True, val=0.3)
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read (No such file or directory); expected one key on each line"),
        (b"\n \n", "holds no key; expected one on each line"),
        (b"\xff\xfe\x00", "is not UTF-8 text; expected one key on each line"),
    ],
)
def test_bad_files_of_keys_are_refused_in_one_line(
    dataset: Path, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "keys.txt"
    if content is not None:
        path.write_bytes(content)
    done = CliRunner().invoke(main, ["split", str(dataset), "--only-keys", str(path), "--out", str(tmp_path / "out")])
    assert (done.exit_code, done.stderr) == (2, f"fgbg-data: {path}: {problem}\n")
