"""Options from a TOML file: every option, every spelling, and one line where the file is wrong."""

import dataclasses
from pathlib import Path

import pytest
from helpers.datasets import config

from fgbg_data.config import BuildConfig, read_recipe, read_toml
from fgbg_data.config_files import recipe_names
from fgbg_data.errors import ConfigError


def toml(tmp_path: Path, text: str, name: str = "build.toml") -> Path:
    path = tmp_path / name
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
        cache-gb = 5.5
        part = ""
        recipe = "classic"
        objects = "1:3"
        visible = 0.2
        amodal = true
        empty = 0.05
        decoys = 2
        twins = 2
        blend = ["over", "box"]
        rotate = 10
        colour = 0.3
        match = "0:0.5"
        camera = 0.5
        place = "free"
        camera-height = "1.2:1.8"
        require-ground = false
        occlude = true
        shadow = "none"
        backend = "processes"
        dask-address = ""
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


def test_a_recipe_gives_options_that_are_not_given() -> None:
    made = config(recipe="varied", rotate=3, depth="none")
    recipe = read_recipe("varied")
    assert (made.rotate, made.blend, made.objects) == (3, tuple(recipe["blend"]), recipe["objects"])
    assert dataclasses.replace(made, objects=1).objects == "1"
    assert dataclasses.replace(made, objects=1).blend == made.blend


def test_the_classic_recipe_holds_the_defaults() -> None:
    assert config() == config(**read_recipe("classic"))
    assert config(recipe="classic") == config()


def test_every_recipe_of_the_package_can_be_built_and_holds_options_that_it_changes() -> None:
    for name in recipe_names():
        options = read_recipe(name)
        made = config(recipe=name)
        assert config(**options).described() == {key: v for key, v in made.described().items() if key != "recipe"}
        if name != "classic":
            assert made.described()["recipe"] == name
            assert options.keys() <= made.described().keys()  # no recipe names a default


def test_a_recipe_of_ones_own_is_a_file(tmp_path: Path) -> None:
    recipe = toml(tmp_path, 'objects = 2\ndecoys = "0:1"', "mine.toml")
    made = config(recipe=str(recipe), decoys=1)
    assert (made.objects, made.decoys, made.described()["recipe"]) == ("2", "1", recipe.name)
    assert config(**read_toml(toml(tmp_path, 'recipe = "mine.toml"\nbg = "b"'))).objects == "2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("object = 2", r"\.toml: 'object' is no option; did you mean 'objects'"),
        ('out = "x"', r"\.toml: 'out' cannot stand in a recipe, which holds only options of the samples"),
        ('recipe = "varied"', r"\.toml: 'recipe' cannot stand in a recipe"),
        ("objects = true", r"\.toml: objects = True is of the wrong type; expected text such as '1:3'"),
    ],
)
def test_a_recipe_with_a_wrong_key_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        config(recipe=str(toml(tmp_path, text)))
    assert "\n" not in str(refusal.value)


def test_a_recipe_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read \(No such file"):
        config(recipe=str(tmp_path / "no.toml"))
