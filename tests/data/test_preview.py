"""Contact sheets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgbg_data.dataset.reading import open_dataset
from fgbg_data.drawing.colours import OUTLINE, outlined
from fgbg_data.drawing.sheets import CAPTION_PX, GAP_PX
from fgbg_data.errors import ConfigError, UnknownKeyError
from fgbg_data.key import key_sources
from fgbg_data.viewing.preview import preview


def pictures_of(sheet: Path, rows: int, columns: int, side: int = 48) -> np.ndarray:  # type: ignore[type-arg]
    """Cut a sheet into its pictures: (rows, columns, side, side, 3)."""
    pixels = np.asarray(Image.open(sheet))
    step = CAPTION_PX + side + GAP_PX
    assert pixels.shape == (18 + GAP_PX + rows * step, GAP_PX + columns * (side + GAP_PX), 3)
    return np.array(
        [
            [
                pixels[18 + GAP_PX + row * step + CAPTION_PX :, GAP_PX + column * (side + GAP_PX) :][:side, :side]
                for column in range(columns)
            ]
            for row in range(rows)
        ]
    )


def test_chosen_keys(dataset: Path, tmp_path: Path) -> None:
    ds = open_dataset(dataset)
    keys = [ds.keys()[9], ds.keys()[2]]
    found = pictures_of(preview(dataset, tmp_path / "sheet.png", keys=keys), 2, 4)
    for row, key in enumerate(keys):
        sample = ds[key]
        assert np.array_equal(found[row, 0], sample.image)
        assert np.array_equal(found[row, 1], outlined(sample.image, sample.mask))
        assert np.array_equal(found[row, 2], sample.mask[..., None].repeat(3, -1))
        near, far = sample.depth > 0.8, sample.depth < 0.2  # type: ignore[operator]
        assert found[row, 3][near].mean() > found[row, 3][far].mean() + 80  # near is bright


def test_random_by_seed_and_by_source(dataset: Path, tmp_path: Path) -> None:
    sheets = [
        preview(dataset, tmp_path / f"{n}.png", count=3, seed=seed).read_bytes() for n, seed in enumerate((1, 1, 2))
    ]
    assert sheets[0] == sheets[1] != sheets[2]
    every = open_dataset(dataset)
    sheet = preview(dataset, tmp_path / "one.png", count=99, background="room0", foreground="thing1")
    wanted = [key for key in every.keys() if key_sources(key) == ("room0", "thing1")]  # noqa: SIM118
    found = pictures_of(sheet, len(wanted), 4)
    assert np.array_equal(found[-1, 0], every[wanted[-1]].image)


def test_outline_is_the_rim_of_the_mask() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 0:5] = 255
    picture = outlined(np.zeros((9, 9, 3), np.uint8), mask)
    rim = (picture == OUTLINE).all(-1)
    expected = mask > 0
    expected[3:6, 1:4] = False
    assert np.array_equal(rim, expected)


def test_what_cannot_be_drawn(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownKeyError, match="no sample has the background 'roon0'; did you mean 'room0'"):
        preview(dataset, tmp_path / "x.png", background="roon0")
    with pytest.raises(UnknownKeyError, match="no sample has the foreground 'cat'"):
        preview(dataset, tmp_path / "x.png", foreground="cat")
    with pytest.raises(UnknownKeyError, match=r"no key 'nobody' in train \(24 samples\)"):
        preview(dataset, tmp_path / "x.png", keys=["nobody"])
    with pytest.raises(ConfigError, match="count=0: expected 1 to 200"):
        preview(dataset, tmp_path / "x.png", count=0)
    with pytest.raises(ConfigError, match="ends in .png"):
        preview(dataset, tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())


def test_a_sheet_has_a_largest_size_and_ids_are_found_by_a_part(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="count=1000: expected 1 to 200"):
        preview(dataset, tmp_path / "sheet.png", count=1000)
    with pytest.raises(UnknownKeyError, match="no sample has the background 'oom'; ids that hold this text: room"):
        preview(dataset, tmp_path / "sheet.png", background="oom")
    with pytest.raises(UnknownKeyError, match="no sample has the foreground 'xyz'; there are: thing"):
        preview(dataset, tmp_path / "sheet.png", foreground="xyz")
    assert not (tmp_path / "sheet.png").exists()
