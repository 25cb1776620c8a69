"""A trained model in use: eval, predict, export."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fgbg_train
from fgbg_train import cli, evaluate, load_model, predict
from fgbg_train.errors import CheckpointError, ConfigError, DataError
from fgbg_train.use.export import export


def test_eval_gives_what_the_run_found(shards: Path, finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    options = {"workers": 0, "device": "cpu"}
    found = evaluate(finished / "best.ckpt", shards, splits=["test"], options=options)
    assert found["test"]["samples"] == 12
    for name, value in summary["test"]["test"].items():
        assert found["test"][name] == pytest.approx(value, rel=1e-6)


def test_eval_of_a_split_that_is_not_there(shards: Path, finished: Path) -> None:
    with pytest.raises(ConfigError, match="has no split tset; there are train, val, test"):
        evaluate(finished / "best.ckpt", shards, splits=["tset"])


def test_exported_weights_are_a_checkpoint_too(shards: Path, finished: Path, tmp_path: Path) -> None:
    assert export(finished / "best.ckpt", tmp_path / "model.safetensors") is None
    image = torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(0))
    one, other = (load_model(p)(image) for p in (finished / "best.ckpt", tmp_path / "model.safetensors"))
    assert torch.equal(one.mask_logits, other.mask_logits)
    assert torch.equal(one.depth, other.depth)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.parametrize("ending", ["pt2", "onnx"])
def test_exported_programs_take_any_size(ending: str, finished: Path, tmp_path: Path) -> None:
    worst = export(finished / "best.ckpt", tmp_path / f"model.{ending}")
    assert worst is not None
    assert worst < 1e-4
    assert [p.name for p in tmp_path.iterdir()] == [f"model.{ending}"]


def test_export_refuses_other_endings(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the ending must be one of .safetensors, .pt2, .onnx"):
        export(finished / "best.ckpt", tmp_path / "model.pb")
    (tmp_path / "x.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="not safetensors, or damaged"):
        load_model(tmp_path / "x.safetensors")


def pictures(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("a.jpg", (50, 40)), ("b.png", (31, 77))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    turned = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "c.jpg", exif=exif)
    return folder


def test_predictions_have_the_size_of_the_picture(finished: Path, tmp_path: Path) -> None:
    folder, out = pictures(tmp_path / "in"), tmp_path / "out"
    done = list(predict(finished / "best.ckpt", [folder], out, device="cpu"))
    assert [p.name for p in done] == ["a.jpg", "b.png", "c.jpg"]
    for name, size in (("a", (40, 50)), ("b", (77, 31)), ("c", (20, 30))):
        mask, depth = Image.open(out / f"{name}.mask.png"), Image.open(out / f"{name}.depth.png")
        assert mask.size == depth.size == size
        assert set(np.unique(np.asarray(mask))) <= {0, 255}
        assert np.asarray(depth).dtype == np.uint16
        assert (out / f"{name}.preview.png").exists()
    with pytest.raises(DataError, match=r"already there \(9 results would be overwritten\)"):
        list(predict(finished / "best.ckpt", [folder], out, device="cpu"))


def test_pictures_that_are_none_are_named_before_anything_is_written(finished: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in")
    (folder / "d.png").write_bytes(b"nonsense")
    (folder / "e.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"not pictures: .*d.png, .*e.jpg"):
        list(predict(finished / "best.ckpt", [folder], tmp_path / "out"))
    with pytest.raises(DataError, match="no such picture or folder"):
        list(predict(finished / "best.ckpt", [tmp_path / "x"], tmp_path / "out"))
    with pytest.raises(DataError, match="would give results of the same name"):
        list(predict(finished / "best.ckpt", [folder / "a.jpg", folder], tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_commands_of_a_trained_model(
    shards: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = str(finished / "best.ckpt")
    folder = str(pictures(tmp_path / "in"))
    out = str(tmp_path / "out")
    for arguments, told in (
        (["eval", best, str(shards), "--workers", "0", "--limit", "3", "--split", "val", "--json"], '"samples": 3.0'),
        (["eval", best, str(shards), "--workers", "0", "--limit", "3"], "mask_iou_img"),
        (["predict", best, folder, "--out", out], f"3 pictures done, see {out}"),
        (["predict", best, f"{folder}/a.jpg", "--out", f"{out}/one"], f"1 picture done, see {out}/one"),
        (["export", best, str(tmp_path / "m.safetensors")], "wrote"),
        (["plot", str(finished), "--out", str(tmp_path / "curves.png")], "wrote"),
        (["fit", str(shards), "--dry-run"], "folder    runs/small-"),
        (["fit", str(shards), "--print-config", "--set", "augment.cutout=0", "--epochs", "2"], "cutout = 0.0"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        printed = capsys.readouterr()
        assert stopped.value.code == 0, printed.err
        assert told in printed.out


def test_public_names_are_there() -> None:
    for name in fgbg_train.__all__:
        assert callable(getattr(fgbg_train, name))
    with pytest.raises(AttributeError, match="nothing"):
        _ = fgbg_train.nothing
