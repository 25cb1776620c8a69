"""The configuration of a run: presets, tables and TOML, and the mistakes that it names."""

import tomllib

import pytest

from fgbg_train import FitConfig
from fgbg_train.config import PRESETS, ModelConfig
from fgbg_train.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_survive_toml_and_tables(preset: str) -> None:
    config = FitConfig.preset(preset)
    assert FitConfig.from_table(tomllib.loads(config.to_toml())) == config
    assert FitConfig.from_table(config.to_table()) == config
    assert config.preset_name == config.to_table()["preset"] == preset


def test_a_configuration_without_arguments_is_the_preset_that_it_names() -> None:
    assert FitConfig() == FitConfig.preset("small")
    assert FitConfig().preset_name == "small"


def test_a_preset_takes_settings_and_tables_in_part() -> None:
    config = FitConfig.preset("eva4", lr=1, model={"depth_net": "light", "freeze_norm": True})
    assert config.model.mask_net == "hu2019:resnet50"
    assert config.model.depth_net == "light"
    assert config.model.freeze_norm
    assert config.lr == 1.0
    whole = ModelConfig(combine="product")
    assert FitConfig.preset("small", model=whole).model == whole


def test_later_tables_win_and_leave_the_rest() -> None:
    config = FitConfig.from_tables("eva4", {"model": {"depth_net": "light"}, "lr": 2.0}, {"lr": 1})
    assert config.model.depth_net == "light"
    assert config.model.combine == "product"
    assert config.lr == 1.0


def test_a_configuration_that_an_earlier_version_stored_still_reads() -> None:
    """Every checkpoint holds all settings, so defaults that change since do not change an old run."""
    table = FitConfig.preset("small").to_table()
    table |= {"ema": 0.0, "weight_decay": 0.01, "model": table["model"] | {"start": "random"}}
    config = FitConfig.from_table(table)
    assert (config.ema, config.weight_decay, config.model.start) == (0.0, 0.01, "random")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"scedule": "1@8x1"}, "there is no setting 'scedule'; did you mean 'schedule'?"),
        ({"loss": {"mask_dise": 1.0}}, "there is no setting 'loss.mask_dise'; did you mean 'loss.mask_dice'?"),
        ({"lr": "fast"}, "lr='fast': expected a number"),
        ({"seed": True}, "seed=True: expected a whole number"),
        ({"lr": float("nan")}, "lr=nan: expected a number above 0"),
        ({"clip": -1.0}, "clip=-1.0: expected a number of at least 0"),
        ({"model": "big"}, "model='big': expected a table of settings"),
        ({"optimizer": "adamm"}, "optimizer='adamm': expected one of adamw, adam, sgd; did you mean 'adam'?"),
        ({"device": "tpu"}, "device='tpu': expected one of auto, cpu, cuda, mps; did you mean 'cpu'?"),
        (
            {"model": {"start": "random", "freeze_encoder": "mask"}},
            "freeze_encoder='mask': an encoder that starts at random would stay random; choose another `start`, or "
            "freeze_encoder='none'",
        ),
        ({"augment": {"cutout": 2}}, "augment.cutout=2.0: expected 0 to 1"),
        ({"augment": {"crop": 1}}, "augment.crop=1.0: expected less than 1"),
        (
            {"schedule": "1@38x64", "accumulate": 3},
            "a batch of 64 cannot be cut into 3 equal parts (devices=1 x accumulate=3)",
        ),
        (
            {"model": {"objective": "saliency"}},
            "objective='saliency': needs combine='product', so that the mask can hide parts of the image",
        ),
        (
            {"model": {"objective": "saliency", "combine": "product"}},
            "objective='saliency' and `depth_weights` need each other: give both or neither",
        ),
    ],
)
def test_mistakes_are_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FitConfig.from_tables("small", table)
    assert str(caught.value) == message


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="best='mask_iuo': expected one of auto, .*; did you mean 'mask_iou'"):
        FitConfig(best="mask_iuo")


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match="preset='big': expected one of small, eva4"):
        FitConfig.preset("big")


def test_differences_leave_out_what_does_not_change_the_weights() -> None:
    a, b = FitConfig.preset("small", workers=0), FitConfig.preset("small", workers=7, loss={"mask_bce": 2})
    assert a.differences(b) == ["loss.mask_bce (1.0 / 2.0)"]


def test_a_configuration_for_other_machines_names_files_without_their_folders() -> None:
    config = FitConfig.preset(exam={"photos": "/home/me/photos"})
    assert config.without_folders().exam.photos == "photos"
    assert FitConfig().without_folders() == FitConfig()
