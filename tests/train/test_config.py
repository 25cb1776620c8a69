import tomllib
from pathlib import Path

import pytest

from fgbg_train.config import PRESETS, build, differences, from_table, read_toml, to_table, to_toml
from fgbg_train.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_come_back_from_toml(preset: str) -> None:
    config = build(preset)
    assert from_table(tomllib.loads(to_toml(config))) == config
    assert from_table(to_table(config)) == config
    assert config.preset == preset


def test_later_tables_win_and_leave_the_rest() -> None:
    config = build("eva4", {"model": {"depth_net": "light"}}, {"lr": 1, "model": {"freeze_norm": True}})
    assert config.model.mask_net == "hu2019:resnet50"
    assert config.model.depth_net == "light"
    assert config.model.freeze_norm
    assert config.lr == 1.0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"scedule": "1@8x1"}, "unknown setting scedule; did you mean schedule?"),
        ({"loss": {"mask_dise": 1.0}}, "unknown setting loss.mask_dise; did you mean loss.mask_dice?"),
        ({"lr": "fast"}, "lr = 'fast': float is needed"),
        ({"seed": True}, "seed = True: int is needed"),
        ({"lr": float("nan")}, "lr = nan: a positive number is needed"),
        ({"model": "big"}, "model = 'big': a table is needed"),
        ({"optimizer": "adamm"}, "optimizer = 'adamm': one of adamw, adam, sgd is needed"),
        (
            {"model": {"start": "random", "freeze_encoder": "mask"}},
            "freeze_encoder = 'mask': an encoder that starts at random would stay so; choose another start, or "
            "freeze_encoder='none'",
        ),
        ({"augment": {"cutout": 2}}, "augment.cutout = 2.0: a number from 0 to 1 is needed"),
        (
            {"schedule": "1@38x64", "accumulate": 3},
            "a batch of 64 cannot be split into 3 equal parts (devices=1 x accumulate=3)",
        ),
        (
            {"model": {"objective": "saliency"}},
            "the saliency objective needs combine='product': the mask must hide the image",
        ),
        (
            {"model": {"objective": "saliency", "combine": "product"}},
            "depth_weights CHECKPOINT belongs to objective='saliency', which needs it",
        ),
    ],
)
def test_mistakes_are_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build("small", table)
    assert str(caught.value) == message


def test_unknown_preset() -> None:
    with pytest.raises(ConfigError, match="no preset 'big'; there are small, eva4"):
        build("big")


def test_files_that_are_not_toml_are_named(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    with pytest.raises(ConfigError, match=r"run.toml: cannot be read \(No such file"):
        read_toml(file)
    file.write_text("lr = = 3")
    with pytest.raises(ConfigError, match=r"run.toml: not TOML"):
        read_toml(file)


def test_differences_leave_out_what_does_not_change_the_weights() -> None:
    a, b = build("small", {"workers": 0}), build("small", {"workers": 7, "loss": {"mask_bce": 2}})
    assert differences(a, b) == ["loss.mask_bce (1.0 / 2.0)"]
