"""Notebooks show datasets and samples as small pictures, in HTML that needs nothing else and runs nothing."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import config_for
from helpers.one_process import verify

from fgbg_data import plan_build
from fgbg_data.dataset.loaded_sample import LoadedSample
from fgbg_data.dataset.manifest import Manifest
from fgbg_data.dataset.reading import open_dataset
from fgbg_data.drawing.colours import colour_depth
from fgbg_data.fields import FIELDS


class Page(HTMLParser):
    """Elements of a piece of HTML; it checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.pictures: list[np.ndarray] = []  # type: ignore[type-arg]
        self.titles: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert not any(name.startswith("on") for name in values)
        self.tags.append(tag)
        if tag != "img":
            self.open.append(tag)
            return
        kind, _, data = (values["src"] or "").partition(";base64,")
        assert kind in ("data:image/jpeg", "data:image/png")
        picture = FIELDS["image"].decode(base64.b64decode(data), "html")
        assert picture.shape[:2] == (int(values["height"] or 0), int(values["width"] or 0))
        self.pictures.append(picture)
        self.titles.append(values["title"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_dataset_is_a_grid_of_its_first_samples(dataset: Path) -> None:
    ds = open_dataset(dataset)
    page = Page(ds._repr_html_())
    assert page.titles == ["image", "mask", "depth"] * 8
    for number in range(8):
        image, mask, depth = page.pictures[3 * number : 3 * number + 3]
        assert np.abs(image.astype(int) - ds[number].image).mean() < 8  # a JPEG of it
        assert np.array_equal(mask[..., 0], ds[number].mask)
        assert np.abs(depth.astype(int) - colour_depth(ds[number].depth)).mean() < 12
        assert ds.key(number) in page.text
    assert page.text.startswith("Dataset('train', 24 samples, fields=image,mask,depth,meta)")


def test_a_sample_is_its_pictures_with_types_and_meta(dataset: Path) -> None:
    sample = open_dataset(dataset)[1]
    page = Page(sample._repr_html_())
    assert page.titles == ["image", "mask", "depth"]
    for text in (sample.key, "image uint8 (48, 48, 3)", "depth float32 (48, 48)", f'"background": "{sample.key[:5]}'):
        assert text in page.text


def test_large_pictures_are_shrunk_and_the_whole_stays_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)  # nothing compresses worse
    fields = {"image": noise, "mask": noise[..., 0], "depth": noise[..., 1] / np.float32(255)}
    sample = LoadedSample({"key": "noise", **fields, "depth_composed": noise[..., 2].astype(np.uint16) << 8})
    page = Page(sample._repr_html_())
    assert {picture.shape for picture in page.pictures} == {(149, 224, 3)}
    assert len(sample._repr_html_()) < 300_000
    from fgbg_data.drawing.html import dataset_html

    assert len(dataset_html("noise", [sample] * 99)) < 300_000


@pytest.mark.parametrize("depth_as", ["codes", "raw"])
def test_depth_looks_alike_whatever_its_unit(dataset: Path, depth_as: str) -> None:
    one = Page(open_dataset(dataset, fields="depth")[2]._repr_html_()).pictures[0].astype(int)
    other = Page(open_dataset(dataset, fields="depth", depth_as=depth_as)[2]._repr_html_()).pictures[0]  # type: ignore[arg-type]
    assert np.abs(one - other).mean() < 2


def test_texts_of_others_stay_texts() -> None:
    bad = "<script>alert(1)</script>&\"'"
    image = np.zeros((8, 8, 3), np.uint8)
    sample = LoadedSample({"key": bad, "image": image, "meta": {"note": bad, bad: [bad]}, "<b>": 1})
    from fgbg_data.drawing.html import dataset_html

    for text in (sample._repr_html_(), dataset_html(bad, [sample])):
        page = Page(text)
        assert not {"script", "b<"} & set(page.tags)
        assert "<script" not in text
        assert bad in page.text


def test_damaged_samples_are_left_out_of_the_grid(copy: Path) -> None:
    path = copy / "train/fgbg-train-000000.h5"
    path.write_bytes(bytes(path.stat().st_size))
    assert Page(open_dataset(copy, format="hdf5")[6:10]._repr_html_()).titles == ["image", "mask", "depth"] * 2


def test_a_batch_shows_the_types_of_its_tensors(dataset: Path) -> None:
    torch = pytest.importorskip("torch")
    (batch,) = torch.utils.data.DataLoader(open_dataset(dataset)[:3], batch_size=3)
    page = Page(batch._repr_html_())
    assert not page.pictures
    assert "torch.uint8 (3, 48, 48, 3)" in page.text
    assert re.search(r"image=torch.uint8 \(3, 48, 48, 3\)", repr(batch))


def test_what_a_notebook_cell_ends_with_is_short(dataset: Path, pictures: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(dataset)
    assert repr(manifest) == (
        "Manifest(48 samples (train 24, val 12, test 12), fields=image,mask,depth,meta, format=tar,hdf5, "
        f"fingerprint={manifest.fingerprint[:8]})"
    )
    report = verify(dataset)
    assert repr(report) == f"VerifyReport({str(dataset)!r}, 48 samples in 7 shards, OK)"
    report.add("dataset.json", "was edited")
    assert repr(report).endswith("1 problem: dataset.json: was edited)")
    plan = plan_build(config_for(pictures, tmp_path / "out"))
    assert repr(plan).startswith(f"BuildPlan({str(tmp_path / 'out')!r}: 48 samples (train 24, val 12, test 12), ")
    assert len(repr(plan)) < 200 + len(str(tmp_path))
