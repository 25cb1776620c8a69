"""A build's configuration: bad values are refused by name, and type checkers know its options."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.datasets import config
from hypothesis import given
from hypothesis import strategies as st

from fgbg_data.config import BuildConfig
from fgbg_data.errors import ConfigError
from fgbg_data.options import parse_size

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
    ({"backend": "ray"}, "backend='ray'", "--backend ray", "expected one of processes, dask"),
    (
        {"dask_address": "tcp://a:1"},
        "dask_address='tcp://a:1'",
        "--dask-address tcp://a:1",
        "has no effect here; it needs ",
    ),
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
    ({"cache_gb": 0}, "cache_gb=0.0", "--cache-gb 0.0", "expected more than 0"),
    ({"cache_gb": NAN}, "cache_gb=nan", "--cache-gb nan", "expected more than 0"),
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
    ({"bg": 3}, "bg=3", "--bg 3", "expected a path or URL, as text or as a Path"),
    ({"size": (240,)}, "size='(240,)'", "--size '(240,)'", A_SIZE),
    ({"scale": 0.5}, "scale='0.5'", "--scale 0.5", RANGE),
    ({"stand": "drawn"}, "stand='drawn'", "--stand drawn", "has no effect here; it needs "),
    ({"relief": 0.5}, "relief=0.5", "--relief 0.5", "has no effect here; it needs "),
    ({"depth": "none", "relief": 0.9}, "relief=0.9", "--relief 0.9", "has no effect here; it needs an estimator"),
    ({"depth": "none", "depth_bits": 8}, "depth_bits=8", "--depth-bits 8", "has no effect here; it needs an estimator"),
    ({"image_format": "png", "quality": 80}, "quality=80", "--quality 80", "has no effect here; it needs "),
    ({"hdf5_layout": "encoded"}, "hdf5_layout='encoded'", "--hdf5-layout encoded", "has no effect here; it needs "),
    ({"recipe": "varid"}, "recipe='varid'", "--recipe varid", "expected one of classic, "),
    ({"objects": "0"}, "objects='0'", "--objects 0", "expected a whole number from 1 to 255, or LOW:HIGH of such"),
    ({"objects": "1:300"}, "objects='1:300'", "--objects 1:300", "expected a whole number from 1 to 255"),
    ({"objects": "3:1"}, "objects='3:1'", "--objects 3:1", "expected a whole number from 1 to 255"),
    ({"objects": "1:2:3"}, "objects='1:2:3'", "--objects 1:2:3", "expected a whole number from 1 to 255"),
    ({"objects": "many"}, "objects='many'", "--objects many", "expected a whole number from 1 to 255"),
    ({"objects": 2, "visible": 1.5}, "visible=1.5", "--visible 1.5", "expected 0 to 1"),
    ({"decoys": "-1"}, "decoys='-1'", "--decoys -1", "expected a whole number from 0 to 16, or LOW:HIGH of such"),
    ({"decoys": 0.5}, "decoys='0.5'", "--decoys 0.5", "expected a whole number from 0 to 16"),
    ({"empty": 1}, "empty=1.0", "--empty 1.0", "expected a share of at least 0 and below 1"),
    ({"twins": 0}, "twins=0", "--twins 0", "expected at least 1"),
    ({"samples": 1, "twins": 2, "blend": "over,box"}, "samples=1", "--samples 1", "holds less than one sample of "),
    ({"blend": "feathr"}, "blend='feathr'", "--blend feathr", "expected one of over, feather, box, erode, motion; did"),
    ({"blend": "over,over"}, "blend=('over', 'over')", "--blend over,over", "expected each of over, feather, box"),
    ({"rotate": -1}, "rotate=-1.0", "--rotate -1.0", "expected 0 to 180"),
    ({"colour": 2}, "colour=2.0", "--colour 2.0", "expected 0 to 1"),
    ({"match": "0:2"}, "match='0:2'", "--match 0:2", "expected a number from 0 to 1, or LOW:HIGH of such numbers"),
    ({"match": "nan"}, "match='nan'", "--match nan", "expected a number from 0 to 1"),
    ({"camera": 1.5}, "camera=1.5", "--camera 1.5", "expected 0 to 1"),
    ({"visible": 0.5}, "visible=0.5", "--visible 0.5", "has no effect here; it needs "),
    ({"amodal": True}, "amodal=True", "--amodal", "has no effect here; it needs "),
    ({"place": "floor"}, "place='floor'", "--place floor", "expected one of free, ground"),
    ({"shadow": "soft", "place": "ground"}, "shadow='soft'", "--shadow soft", "expected one of none, contact, cast"),
    ({"shadow": "cast"}, "shadow='cast'", "--shadow cast", "has no effect here; it needs "),
    ({"occlude": False}, "occlude=False", "--no-occlude", "has no effect here; it needs "),
    ({"require_ground": True}, "require_ground=True", "--require-ground", "has no effect here; it needs "),
    ({"camera_height": "2"}, "camera_height='2'", "--camera-height 2", "has no effect here; it needs "),
    (
        {"camera_height": "0:2", "place": "ground"},
        "camera_height='0:2'",
        "--camera-height 0:2",
        "expected a number from 0.1 to 100, or LOW:HIGH",
    ),
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
    elsewhere |= {"part"}  # it may take numbers from the environment, in test_parts.py
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


@pytest.mark.slow
def test_type_checkers_accept_the_examples(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        """
from pathlib import Path

from fgbg_data import BuildConfig, build, open_dataset, relabel, verify, write_demo

config = BuildConfig(bg="bg/", fg=Path("fg"), out="shards/", size="320x240", depth="none")
BuildConfig(bg="b", fg="f", out="o", size=(240, 320), scale=(0.4, 0.7), depth_size=64, format="tar", extra_fields=[])
folder: Path | str = config.bg
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
