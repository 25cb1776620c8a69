"""A build's configuration: bad values are refused by name, TOML gives every option, and the fingerprint holds all
that changes the dataset."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgbg_data.config import BuildConfig, read_toml
from fgbg_data.dataset.identity import fingerprint
from fgbg_data.errors import ConfigError
from fgbg_data.options import parse_size


def config(**options: Any) -> BuildConfig:
    return BuildConfig(**({"bg": Path("bg"), "fg": Path("fg"), "out": Path("out")} | options))


def stamp(**options: Any) -> str:
    return fingerprint(config(**options).described())


NAN, INFINITE = float("nan"), float("inf")
A_SHARE = "expected a share of at least 0 and at most 1"
BELOW_1 = "expected a share of at least 0 and below 1"
SHARES = "expected shares of at least 0 that leave some to train"
A_SIZE = "expected a side such as 224, or WIDTHxHEIGHT"
RANGE = "expected LOW:HIGH, such as 0.4:0.7, or native"

BAD_VALUES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"positions": 0}, "positions=0", "--positions 0", "expected at least 1"),
    ({"shard_size": 0}, "shard_size=0", "--shard-size 0", "expected at least 1"),
    ({"samples": 0}, "samples=0", "--samples 0", "expected at least 1"),
    ({"jobs": -1}, "jobs=-1", "--jobs -1", "expected at least 0"),
    ({"seed": -1}, "seed=-1", "--seed -1", "expected at least 0"),
    ({"estimator_batch": 0}, "estimator_batch=0", "--estimator-batch 0", "expected at least 1"),
    ({"quality": 0}, "quality=0", "--quality 0", "expected 1 to 100"),
    ({"quality": 101}, "quality=101", "--quality 101", "expected 1 to 100"),
    ({"depth_bits": 0}, "depth_bits=0", "--depth-bits 0", "expected 1 to 16"),
    ({"depth_bits": 17}, "depth_bits=17", "--depth-bits 17", "expected 1 to 16"),
    (
        {"depth_mode": "composed"},
        "depth_mode='composed'",
        "--depth-mode composed",
        "expected one of infer, compose, both; did you mean 'compose'?",
    ),
    (
        {"depth_mode": "both", "depth": "none"},
        "depth_mode='both' and depth='none'",
        "--depth-mode both and --depth none",
        "composed depth needs an estimator",
    ),
    ({"stand": "flor"}, "stand='flor'", "--stand flor", "expected one of floor, drawn; did you mean 'floor'?"),
    ({"relief": 1.1}, "relief=1.1", "--relief 1.1", A_SHARE),
    ({"relief": NAN}, "relief=nan", "--relief nan", A_SHARE),
    ({"truncate": -0.1}, "truncate=-0.1", "--truncate -0.1", BELOW_1),
    ({"truncate": 1.0}, "truncate=1.0", "--truncate 1.0", BELOW_1),
    ({"truncate": NAN}, "truncate=nan", "--truncate nan", BELOW_1),
    ({"val": -0.1}, "val=-0.1 and test=0.1", "--val -0.1 and --test 0.1", SHARES),
    ({"test": -0.1}, "val=0.1 and test=-0.1", "--val 0.1 and --test -0.1", SHARES),
    ({"val": 0.5, "test": 0.5}, "val=0.5 and test=0.5", "--val 0.5 and --test 0.5", SHARES),
    ({"val": NAN}, "val=nan and test=0.1", "--val nan and --test 0.1", SHARES),
    ({"test": NAN}, "val=0.1 and test=nan", "--val 0.1 and --test nan", SHARES),
    ({"val": INFINITE}, "val=inf and test=0.1", "--val inf and --test 0.1", SHARES),
    ({"fit": "covr"}, "fit='covr'", "--fit covr", "expected one of cover, stretch; did you mean 'cover'?"),
    ({"fit": "zzz"}, "fit='zzz'", "--fit zzz", "expected one of cover, stretch"),
    (
        {"holdout": "backgrounds"},
        "holdout='backgrounds'",
        "--holdout backgrounds",
        "expected one of background, foreground, both, sample; did you mean 'background'?",
    ),
    (
        {"image_format": "jpeg"},
        "image_format='jpeg'",
        "--image-format jpeg",
        "expected one of jpg, png; did you mean 'jpg'?",
    ),
    (
        {"hdf5_layout": "pixel"},
        "hdf5_layout='pixel'",
        "--hdf5-layout pixel",
        "expected one of pixels, encoded; did you mean 'pixels'?",
    ),
    (
        {"device": "cuda:0"},
        "device='cuda:0'",
        "--device cuda:0",
        "expected one of auto, cpu, cuda; did you mean 'cuda'?",
    ),
    ({"format": ()}, "format=()", "--format ''", "expected one or more of tar, hdf5"),
    ({"format": "tra"}, "format='tra'", "--format tra", "expected one of tar, hdf5; did you mean 'tar'?"),
    ({"format": "tar,hdf"}, "format='hdf'", "--format hdf", "expected one of tar, hdf5; did you mean 'hdf5'?"),
    ({"format": ""}, "format=''", "--format ''", "expected one of tar, hdf5"),
    ({"format": "tar,tar"}, "format=('tar', 'tar')", "--format tar,tar", "names one format twice"),
    ({"size": "big"}, "size='big'", "--size big", A_SIZE),
    ({"size": "224x"}, "size='224x'", "--size 224x", A_SIZE),
    ({"size": "1x2x3"}, "size='1x2x3'", "--size 1x2x3", A_SIZE),
    ({"size": "-5"}, "size='-5'", "--size -5", A_SIZE),
    ({"size": "²²"}, "size='²²'", "--size '²²'", A_SIZE),
    ({"size": "7"}, "size='7'", "--size 7", "expected sides of 8 to 8192 pixels"),
    ({"size": "224x8193"}, "size='224x8193'", "--size 224x8193", "expected sides of 8 to 8192 pixels"),
    ({"scale": "0.4"}, "scale='0.4'", "--scale 0.4", RANGE),
    ({"scale": "a:b"}, "scale='a:b'", "--scale a:b", RANGE),
    ({"scale": "0:0.5"}, "scale='0:0.5'", "--scale 0:0.5", "expected 0 < LOW <= HIGH <= 4"),
    ({"scale": "0.7:0.4"}, "scale='0.7:0.4'", "--scale 0.7:0.4", "expected 0 < LOW <= HIGH <= 4"),
    ({"scale": "0.4:nan"}, "scale='0.4:nan'", "--scale 0.4:nan", "expected 0 < LOW <= HIGH <= 4"),
    ({"scale": "1:inf"}, "scale='1:inf'", "--scale 1:inf", "expected 0 < LOW <= HIGH <= 4"),
    (
        {"depth_size": "quarter"},
        "depth_size='quarter'",
        "--depth-size quarter",
        "expected full, half, a side such as 224, or WIDTHxHEIGHT",
    ),
    ({"samples": "10"}, "samples='10'", "--samples 10", "expected a whole number, found text"),
    ({"samples": 1.5}, "samples=1.5", "--samples 1.5", "expected a whole number, found float"),
    ({"jobs": None}, "jobs=None", "--jobs None", "expected a whole number, found NoneType"),
    ({"val": "0.1"}, "val='0.1'", "--val 0.1", "expected a number, found text"),
    ({"positions": True}, "positions=True", "--positions", "expected a whole number, found bool"),
    ({"mirror": "no"}, "mirror='no'", "--mirror no", "expected True or False"),
    ({"depth": None}, "depth=None", "--depth None", "expected text"),
    ({"format": 3}, "format=3", "--format 3", "expected names, as a tuple or as text with commas"),
    ({"bg": 3}, "bg=3", "--bg 3", "expected a path, as text or as a Path"),
    ({"size": (240,)}, "size='(240,)'", "--size '(240,)'", A_SIZE),
    ({"scale": 0.5}, "scale='0.5'", "--scale 0.5", RANGE),
    ({"stand": "drawn"}, "stand='drawn'", "--stand drawn", "has no effect here; it needs "),
    ({"relief": 0.5}, "relief=0.5", "--relief 0.5", "has no effect here; it needs "),
    ({"depth": "none", "relief": 0.9}, "relief=0.9", "--relief 0.9", "has no effect here; it needs an estimator"),
    ({"depth": "none", "depth_bits": 8}, "depth_bits=8", "--depth-bits 8", "has no effect here; it needs an estimator"),
    ({"image_format": "png", "quality": 80}, "quality=80", "--quality 80", "has no effect here; it needs "),
    ({"hdf5_layout": "encoded"}, "hdf5_layout='encoded'", "--hdf5-layout encoded", "has no effect here; it needs "),
    ({"depth_size": "300"}, "depth_size='300'", "--depth-size 300", "larger than the image (224x224)"),
    (
        {"depth": "none", "depth_size": "quarter"},
        "depth_size='quarter'",
        "--depth-size quarter",
        "expected full, half, a side such as 224",
    ),
]
"""What is given, how an error names it in Python and in a shell, and what is expected instead."""


@pytest.mark.parametrize(("options", "argument", "typed", "expected"), BAD_VALUES, ids=str)
def test_bad_values_are_refused_by_name(options: dict[str, Any], argument: str, typed: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config(**options)
    assert str(refusal.value).startswith(f"{argument}: {expected}")
    assert refusal.value.for_command_line().startswith(f"{typed}: {expected}")
    assert "\n" not in str(refusal.value)


def test_every_option_that_can_be_wrong_is_tested() -> None:
    paths_and_switches = {"bg", "fg", "out", "mirror", "check", "skip_bad", "overwrite", "group_similar"}
    elsewhere = {"depth", "extra_fields"}  # names that registries know, in test_cli_build.py and test_third_party.py
    tested = {name for options, *_ in BAD_VALUES for name in options}
    assert tested | paths_and_switches | elsewhere == {field.name for field in dataclasses.fields(BuildConfig)}


def test_values_are_parsed() -> None:
    made = config(size="320x240", scale="0.25:1", depth_size="half", format="hdf5, tar", bg="some/bg")
    assert made.canvas == (240, 320)
    assert made.scale_range == (0.25, 1.0)
    assert made.depth_shape == (120, 160)
    assert made.format == ("tar", "hdf5")
    assert made.bg == Path("some/bg")
    assert config(size="225", depth_size="half").depth_shape == (113, 113)
    assert config(depth_size="64x32").depth_shape == (32, 64)
    assert config(depth="none").depth_shape is None
    assert config(scale="native").scale_range is None
    assert config(size=224).canvas == (224, 224)


@given(width=st.integers(0, 9999), height=st.integers(0, 9999), cross=st.sampled_from("xX"))
def test_a_size_is_parsed_or_refused(width: int, height: int, cross: str) -> None:
    text = f"{width}{cross}{height}"
    if min(width, height) >= 8 and max(width, height) <= 8192:
        assert parse_size("size", text) == (height, width)
    else:
        with pytest.raises(ConfigError, match=f"size='{text}': expected sides of"):
            parse_size("size", text)


@given(text=st.text(max_size=12).filter(lambda text: not text.replace("x", "").replace("X", "").isdigit()))
def test_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^size="):
        parse_size("size", text)


# --- TOML --------------------------------------------------------------------------------------------------


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "build.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_toml_gives_every_option(tmp_path: Path) -> None:
    path = toml(
        tmp_path,
        """
        bg = "pictures/bg"
        fg = "pictures/fg"
        out = "shards"
        positions = 3
        mirror = false
        scale = "native"
        truncate = 0
        size = 96
        fit = "stretch"
        samples = 10
        seed = 5
        depth = "tiny"
        device = "cpu"
        depth-mode = "compose"
        stand = "drawn"
        relief = 1
        depth-bits = 8
        depth_size = 48
        estimator-batch = 2
        format = ["hdf5", "tar"]
        extra-fields = ""
        shard-size = 7
        image-format = "jpg"
        quality = 80
        hdf5-layout = "encoded"
        val = 0.25
        test = 0
        holdout = "both"
        jobs = 1
        check = true
        skip-bad = true
        group-similar = true
        overwrite = true
        """,
    )
    values = read_toml(path)
    assert set(values) == {field.name for field in dataclasses.fields(BuildConfig)}
    made = BuildConfig(**values)
    assert (made.canvas, made.format, made.test, made.mirror) == ((96, 96), ("tar", "hdf5"), 0.0, False)
    assert made.samples == 10
    assert (made.bg, made.out) == (tmp_path / "pictures" / "bg", tmp_path / "shards")


def test_paths_in_toml_start_at_its_folder(tmp_path: Path) -> None:
    values = read_toml(str(toml(tmp_path, 'bg = "../bg"\nfg = "/data/fg"\nout = "shards"')))
    made = BuildConfig(**values)
    assert (made.bg, made.fg, made.out) == (tmp_path / "../bg", Path("/data/fg"), tmp_path / "shards")


@pytest.mark.parametrize("text", ['format = "tar,hdf5"', 'format = ["tar", "hdf5"]', 'format = "hdf5, tar"'])
def test_toml_gives_formats_as_text_or_as_a_list(text: str, tmp_path: Path) -> None:
    assert config(**read_toml(toml(tmp_path, text))).format == ("tar", "hdf5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("positons = 3", "'positons' is no option; did you mean 'positions'?"),
        ("shard-sise = 3", "'shard_sise' is no option; did you mean 'shard_size'?"),
        ("zzz = 3", "'zzz' is no option"),
        ("[build]\npositions = 3", "'build' is no option"),
        ('positions = "3"', "positions = '3' is of the wrong type; expected a whole number"),
        ("positions = 3.0", "positions = 3.0 is of the wrong type; expected a whole number"),
        ("positions = true", "positions = True is of the wrong type; expected a whole number"),
        ('samples = "all"', "samples = 'all' is of the wrong type; expected a whole number"),
        ("estimator-batch = 1.5", "estimator_batch = 1.5 is of the wrong type; expected a whole number"),
        ("mirror = 1", "mirror = 1 is of the wrong type; expected true or false"),
        ('val = "0.1"', "val = '0.1' is of the wrong type; expected a number"),
        ("truncate = false", "truncate = False is of the wrong type; expected a number"),
        ("fit = 3", "fit = 3 is of the wrong type; expected text in quotes"),
        ("bg = 3", "bg = 3 is of the wrong type; expected text in quotes"),
        ("depth = false", "depth = False is of the wrong type; expected text in quotes"),
        ('depth = ["tiny"]', "depth = ['tiny'] is of the wrong type; expected text in quotes"),
        ("size = [224, 224]", "size = [224, 224] is of the wrong type; expected text in quotes"),
        ("size = true", "size = True is of the wrong type; expected text in quotes"),
        ("format = 3", "format = 3 is of the wrong type; expected text such as 'tar,hdf5'"),
        ("format = [1]", "format = [1] is of the wrong type; expected text such as 'tar,hdf5'"),
        ("seed = 2026-01-01", "is of the wrong type; expected a whole number"),
        ("positions = ", "is not TOML ("),
        ("positions = 1\npositions = 2", "is not TOML ("),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_toml_is_refused_with_its_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_toml(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_unreadable_toml_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read \(No such file or directory\)"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        read_toml(tmp_path)
    (tmp_path / "latin.toml").write_bytes('fit = "é"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin.toml: is not TOML \("):
        read_toml(tmp_path / "latin.toml")


# --- the fingerprint ---------------------------------------------------------------------------------------

OTHER_VALUES: dict[str, Any] = {
    "positions": 21,
    "mirror": False,
    "scale": "0.4:0.8",
    "truncate": 0.1,
    "size": "225",
    "fit": "stretch",
    "samples": 100,
    "seed": 1,
    "depth": "none",
    "depth_bits": 8,
    "depth_size": "half",
    "estimator_batch": 8,
    "format": ("tar", "hdf5"),
    "shard_size": 999,
    "image_format": "png",
    "quality": 94,
    "val": 0.2,
    "test": 0.2,
    "holdout": "both",
    "group_similar": True,
}
NO_CHANGE: dict[str, Any] = {
    "bg": "elsewhere/bg",
    "fg": "elsewhere/fg",
    "out": "elsewhere/out",
    "jobs": 3,
    "device": "cpu",  # the estimator's identity says which it really was
    "check": True,
    "skip_bad": True,  # what was skipped counts
    "overwrite": True,
}
IDLE: dict[str, Any] = {"hdf5_layout": "encoded", "stand": "drawn", "relief": 0.5}
"""Have no effect without HDF5, or without composed depth."""
APART = {"depth_mode", "extra_fields"}
"""Cannot be combined with `depth = "none"`, or needs another package (tests/data/test_third_party.py)."""


def test_every_field_is_listed_as_changing_the_dataset_or_not() -> None:
    assert OTHER_VALUES.keys() | NO_CHANGE.keys() | IDLE.keys() | APART == {
        field.name for field in dataclasses.fields(BuildConfig)
    }


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_options_that_change_the_dataset_change_the_fingerprint(name: str) -> None:
    assert stamp(**{name: OTHER_VALUES[name]}) != stamp()


def test_options_of_composed_depth_change_the_fingerprint_only_with_composed_depth() -> None:
    composed = [
        stamp(),
        stamp(depth_mode="compose"),
        stamp(depth_mode="both"),
        stamp(depth_mode="both", stand="drawn"),
        stamp(depth_mode="both", relief=0.5),
    ]
    assert len(set(composed)) == len(composed)
    assert stamp(depth_mode="both", relief=0) == stamp(depth_mode="both", relief=0.0)


def test_hdf5_layout_changes_the_fingerprint_only_with_hdf5() -> None:
    assert stamp(format="hdf5", hdf5_layout="encoded") != stamp(format="hdf5")


def effective(names: set[str]) -> set[str]:
    """Leave out what is refused beside `depth = "none"` and `image_format = "png"`."""
    idle = {"depth_bits", "depth_size", "estimator_batch"} if "depth" in names else set()
    return names - idle - ({"quality"} if "image_format" in names else set())


@settings(max_examples=60)
@given(names=st.sets(st.sampled_from(sorted(NO_CHANGE))), others=st.sets(st.sampled_from(sorted(OTHER_VALUES))))
def test_options_that_do_not_change_the_dataset_keep_the_fingerprint(names: set[str], others: set[str]) -> None:
    changed = {name: OTHER_VALUES[name] for name in effective(others)}
    assert stamp(**changed, **{name: NO_CHANGE[name] for name in names}) == stamp(**changed)


@settings(max_examples=60)
@given(first=st.sets(st.sampled_from(sorted(OTHER_VALUES))), second=st.sets(st.sampled_from(sorted(OTHER_VALUES))))
def test_different_datasets_have_different_fingerprints(first: set[str], second: set[str]) -> None:
    one, two = effective(first), effective(second)
    stamps = (stamp(**{name: OTHER_VALUES[name] for name in names}) for names in (one, two))
    assert (len(set(stamps)) == 1) == (one == two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"size": "224"}, {"size": "224x224"}),
        ({"size": "224"}, {"size": "224X0224"}),
        ({"size": "224"}, {"size": 224}),
        ({"format": "tar,hdf5"}, {"format": ("hdf5", "tar")}),
        ({"scale": "0.4:0.7"}, {"scale": "0.40:7e-1"}),
        ({"depth_size": "full"}, {"depth_size": "224"}),
        ({"depth_size": "half"}, {"depth_size": "112x112"}),
        ({"val": 0}, {"val": 0.0}),
        ({"truncate": 0}, {"truncate": 0.0}),
        ({"size": (240, 320)}, {"size": "320x240"}),
        ({"depth_size": (100, 50)}, {"depth_size": "50x100"}),
        ({"scale": (0.4, 0.6)}, {"scale": "0.4:0.6"}),
        ({"format": ["tar"]}, {"format": "tar"}),
        ({"positions": np.int64(20)}, {"positions": 20}),
        ({"val": np.float32(0.25)}, {"val": 0.25}),
    ],
    ids=str,
)
def test_two_spellings_of_one_option_are_one_dataset(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert config(**one).described() == config(**other).described()
    assert stamp(**one) == stamp(**other)


def test_fingerprint_is_stable() -> None:
    """Datasets built by an earlier version must go on: a change here needs a new format version."""
    assert fingerprint({"b": 1, "a": ["é", 0.5, None]}) == "d52338e412975bab7fedc0c7410a7da7"
    assert config().described() == {
        "positions": 20,
        "mirror": True,
        "scale": "0.4:0.7",
        "truncate": 0.0,
        "size": "224x224",
        "fit": "cover",
        "samples": None,
        "seed": 0,
        "depth": "tiny",
        "depth_bits": 12,
        "depth_size": "224x224",
        "estimator_batch": None,
        "format": ["tar"],
        "shard_size": 1000,
        "image_format": "jpg",
        "quality": 95,
        "hdf5_layout": None,
        "val": 0.1,
        "test": 0.1,
        "holdout": "background",
    }


@pytest.mark.slow
def test_type_checkers_accept_the_examples(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        """
from pathlib import Path

from fgbg_data import BuildConfig, build, open_dataset, relabel, verify, write_demo

config = BuildConfig(bg="bg/", fg=Path("fg"), out="shards/", size="320x240", depth="none")
BuildConfig(bg="b", fg="f", out="o", size=(240, 320), scale=(0.4, 0.7), depth_size=64, format="tar", extra_fields=[])
path: Path = config.bg
names: tuple[str, ...] = config.format
print(build(config).samples, verify("shards/").ok, open_dataset("shards", size=(48, 64))[0].image.shape)
relabel("shards", "new", depth="tiny")
write_demo("demo")
BuildConfig(bg=3, fg="f", out="o")  # the one error
"""
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "example.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.count("error:") == 1, done.stdout
    assert "example.py:13: error:" in done.stdout
