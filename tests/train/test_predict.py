"""`predict`: masks and depth of the pictures of a user."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgbg_data.errors import ConfigError, SourceError
from fgbg_train import predict
from fgbg_train.errors import DataError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a JPEG, a PNG, and in a subfolder a JPEG that its camera noted as turned."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (("a.jpg", (50, 40)), ("b.png", (31, 77))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    turned = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "more" / "c.jpg", exif=exif)
    return folder


def test_results_have_the_size_of_the_picture_and_lie_in_its_subfolder(
    finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = predict(finished_run / "best.ckpt", photos, out=out, device="cpu")
    assert done == [photos / "a.jpg", photos / "b.png", photos / "more" / "c.jpg"]
    for name, size in (("a", (40, 50)), ("b", (77, 31)), ("more/c", (20, 30))):
        mask, depth = Image.open(out / f"{name}.mask.png"), Image.open(out / f"{name}.depth.png")
        assert mask.size == depth.size == size
        assert set(np.unique(np.asarray(mask))) <= {0, 255}
        assert np.asarray(depth).dtype == np.uint16
        preview = Image.open(out / f"{name}.preview.png")
        assert preview.height > size[1] + 18  # titles above, a scale below


def test_a_picture_with_the_longest_name_has_results_under_a_shortened_one(finished_run: Path, tmp_path: Path) -> None:
    picture = tmp_path / f"{'n' * 251}.jpg"
    Image.new("RGB", (40, 30), "white").save(picture)
    predict(finished_run / "best.ckpt", picture, out=tmp_path / "out", device="cpu")
    stems = {path.name.partition(".")[0] for path in (tmp_path / "out").iterdir()}
    assert len(stems) == 1
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_nothing_is_overwritten(finished_run: Path, photos: Path, tmp_path: Path) -> None:
    predict(finished_run / "best.ckpt", photos / "a.jpg", out=tmp_path / "out", device="cpu")
    with pytest.raises(DataError, match=r"a.mask.png: exists already \(3 results would be overwritten\)"):
        predict(finished_run / "best.ckpt", [photos / "a.jpg", photos / "b.png"], out=tmp_path / "out", device="cpu")
    assert not (tmp_path / "out" / "b.mask.png").exists()


def test_pictures_of_16_bits_and_with_transparency_are_read_as_by_the_rest_of_the_package(
    finished_run: Path, tmp_path: Path
) -> None:
    ramp = np.linspace(0, 65535, 40, dtype=np.uint16)[None].repeat(30, 0)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(tmp_path / "plain.png")
    clear = np.zeros((30, 40, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    Image.new("RGB", (40, 30), "white").save(tmp_path / "white.png")
    names = ("deep", "plain", "clear", "white")
    predict(finished_run / "best.ckpt", [tmp_path / f"{n}.png" for n in names], out=tmp_path / "out", device="cpu")
    depth = {n: np.asarray(Image.open(tmp_path / "out" / f"{n}.depth.png")).astype(int) for n in names}
    assert np.abs(depth["deep"] - depth["plain"]).max() < 500  # of 65535: rounding to 8 bits
    assert np.array_equal(depth["clear"], depth["white"])


def test_what_cannot_be_predicted_is_named_before_anything_is_written(
    finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "d.png").write_bytes(b"nonsense")
    (photos / "e.jpg").write_bytes(b"")
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"2 of 5 pictures cannot be read: .*d.png: is no picture.*e.jpg: is empty"):
        predict(finished_run / "best.ckpt", photos, out=out)
    with pytest.raises(SourceError, match="there is no such file or folder"):
        predict(finished_run / "best.ckpt", tmp_path / "nowhere", out=out)
    shutil.copy(photos / "b.png", photos / "a.png")
    with pytest.raises(ConfigError, match="would both be written as a"):
        predict(finished_run / "best.ckpt", photos, out=out)
    assert not out.exists()
