"""`fgbg-data cutout`: photos become cut-outs that `build` pastes, by a network or by labelled masks."""

import csv
import http.server
import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from helpers.datasets import config_for
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fgbg_data import cut_pictures
from fgbg_data.building.build import build
from fgbg_data.cli import main
from fgbg_data.cutting import models
from fgbg_data.cutting.alpha import Limits, clean_alpha, split_parts, why_rejected
from fgbg_data.depth.devices import pick_device
from fgbg_data.errors import ConfigError, EstimatorError, SourceError
from fgbg_data.sample import Array

RED_IS_OBJECT = 'mean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]\nlicence = "CC0-1.0"\nactivation = "none"\n'


def write_network(path: Path) -> Path:
    """A network whose alpha is red minus green."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("weights", kind, [1, 3, 1, 1], [1.0, -1.0, 0.0])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["alpha"])],
        "red",
        [helper.make_tensor_value_info("image", kind, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("alpha", kind, ["n", 1, "h", "w"])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(RED_IS_OBJECT)
    return path


def photo_of(*discs: tuple[int, int, int], size: tuple[int, int] = (64, 96)) -> Array:
    """Red discs (y, x, radius) on green."""
    photo = np.full((*size, 3), (20, 160, 60), np.uint8)
    for y, x, radius in discs:
        cv2.circle(photo, (x, y), radius, (255, 0, 0), -1)
    return photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, discs in {
        "apple/one.png": [(30, 40, 12)],
        "apple/two.png": [(30, 20, 10), (30, 70, 14)],
        "pear/one.png": [(20, 50, 9)],
        "pear/corner.png": [(0, 0, 30)],
        "pear/none.png": [],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo_of(*discs)).save(folder / name)
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_network_cuts_out_what_it_finds_and_rejects_what_is_cut_off(photos: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    report = cut_pictures(photos, tmp_path / "fg", model=f"onnx:{network}", colours=False, progress=False)
    names = {path.relative_to(tmp_path / "fg").as_posix() for path in report.written}
    assert names == {"apple/one.png", "apple/two.png", "pear/one.png"}
    assert [path.name for path in report.without] == ["none.png"]
    ((path, reason),) = report.rejected.items()
    assert path == tmp_path / "fg-rejected" / "pear" / "corner.png"
    assert reason == "is cut off by the picture at the top and left"
    assert table(path.parents[1] / "reasons.csv") == [{"file": "pear/corner.png", "reason": reason}]
    with Image.open(tmp_path / "fg" / "apple" / "one.png") as picture:
        assert picture.size == (25, 25)  # cropped to the disc
        assert picture.getpixel((12, 12))[:3] == (255, 0, 0)
    rows = {row["file"]: row for row in table(tmp_path / "fg" / "sources.csv")}
    assert set(rows) == names
    assert rows["pear/one.png"]["model"] == "onnx:red.onnx"
    assert rows["pear/one.png"]["model_licence"] == "CC0-1.0"
    assert len(rows["pear/one.png"]["model_sha256"]) == 64


def test_cut_outs_build_a_dataset_whose_classes_are_their_folders(photos: Path, pictures: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    (photos / "sources.csv").write_text("file,licence,author\napple/one.png,CC-BY-4.0,Ann\n")
    cut_pictures(photos, tmp_path / "fg", model=f"onnx:{network}", colours=False, progress=False)
    (tmp_path / "bg").symlink_to(pictures / "bg")
    manifest = build(config_for(tmp_path, tmp_path / "shards"))
    found = {source.file: source.class_name for source in manifest.identity.sources.foregrounds}
    assert found == {"apple/one.png": "apple", "apple/two.png": "apple", "pear/one.png": "pear"}
    assert {"licence": "CC-BY-4.0", "author": "Ann"} in manifest.provenance.values()


def test_split_makes_a_cut_out_of_each_object(photos: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    report = cut_pictures(
        photos / "apple" / "two.png",
        tmp_path / "fg",
        model=f"onnx:{network}",
        split=True,
        colours=False,
        progress=False,
    )
    assert [path.name for path in report.written] == ["two_1.png", "two_2.png"]
    widths = []
    for path in report.written:
        with Image.open(path) as picture:
            widths.append(picture.width)
    assert widths == [29, 21]  # the largest first


def test_masks_cut_without_a_network(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "masks" / "apple").mkdir(parents=True)
    Image.fromarray(photo_of((30, 40, 12))[..., 0]).point(lambda red: 255 if red > 128 else 0).save(
        tmp_path / "masks" / "apple" / "one.mask.png"
    )
    report = cut_pictures(photos, tmp_path / "fg", masks=tmp_path / "masks", colours=False, progress=False)
    assert [path.relative_to(tmp_path / "fg").as_posix() for path in report.written] == ["apple/one.png"]
    assert len(report.without) == 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_a_coco_file_gives_each_object_the_folder_of_its_category(photos: Path, tmp_path: Path) -> None:
    square = [[10, 10, 40, 10, 40, 40, 10, 40]]
    runs = {"size": [64, 96], "counts": [64 * 50, 64 * 20, 64 * 26]}
    objects = [(1, square, 0), (2, runs, 0), (2, runs, 1)]
    coco = {
        "images": [{"id": 7, "file_name": "two.png", "height": 64, "width": 96}],
        "categories": [{"id": 1, "name": "fruit"}, {"id": 2, "name": "leaf"}],
        "annotations": [
            {"id": number, "image_id": 7, "category_id": category, "segmentation": each, "iscrowd": crowd}
            for number, (category, each, crowd) in enumerate(objects)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    report = cut_pictures(
        photos / "apple", tmp_path / "fg", masks=tmp_path / "coco.json", colours=False, progress=False
    )
    written = [*report.written, *report.rejected]
    assert {path.parent.name for path in written} == {"fruit", "leaf"}
    assert len(written) == 2


@pytest.mark.skipif(pick_device("auto") != "cpu", reason="the package of onnxruntime for GPUs may be missing")
def test_the_device_may_be_chosen_by_the_program(photos: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    words = ["cutout", str(photos / "apple"), "-o", str(tmp_path / "fg"), "--model", f"onnx:{network}", "--no-colours"]
    done = CliRunner().invoke(main, [*words, "--device", "auto"])
    assert done.exit_code == 0, done.output
    with pytest.raises(ConfigError, match="device='gpu'"):
        cut_pictures(photos, tmp_path / "fg2", model=f"onnx:{network}", device="gpu", colours=False)  # type: ignore[arg-type]


def test_no_cut_out_replaces_another_and_those_of_an_earlier_run_are_named(tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo_of((30, 20, 10), (30, 70, 14))).save(tmp_path / "photos" / "a.png")
    Image.fromarray(photo_of((30, 40, 12))).save(tmp_path / "photos" / "a_1.png")
    words = ["cutout", str(tmp_path / "photos"), "-o", str(tmp_path / "fg"), "--model", f"onnx:{network}"]
    words += ["--no-colours", "--overwrite"]
    done = CliRunner().invoke(main, [*words, "--split"])
    assert "3 cut-outs, 0 rejected" in done.output
    assert sorted(path.name for path in (tmp_path / "fg").glob("*.png")) == ["a_1.png", "a_1_.png", "a_2.png"]
    again = CliRunner().invoke(main, words)
    assert "also holds 2 pictures of an earlier run" in again.output
    assert "a_1_.png" in again.output


def coco_of(segmentation: Any, category: str = "fruit") -> str:
    """The text of a COCO file with one object in `two.png`."""
    image = {"id": 7, "file_name": "two.png", "height": 64, "width": 96}
    annotation = {"id": 1, "image_id": 7, "category_id": 1, "segmentation": segmentation}
    return json.dumps({"images": [image], "categories": [{"id": 1, "name": category}], "annotations": [annotation]})


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ({"size": [64, 96], "counts": "!!~~"}, "has run lengths that are damaged"),
        ({"size": [64, 96], "counts": [9, 10**9]}, "has run lengths of 1000000009 pixels; expected 6144"),
        ({"size": [96, 64], "counts": [6144]}, "has run lengths for the size"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "has a polygon that lies farther than 4 times"),
        ([[0, 0, 9]], "has a polygon that is no list of at least three points"),
        (None, "has an object without segmentation"),
    ],
)
def test_a_damaged_mask_of_coco_is_named_and_the_other_photos_are_cut(
    photos: Path, tmp_path: Path, segmentation: Any, problem: str
) -> None:
    (tmp_path / "coco.json").write_text(coco_of(segmentation))
    report = cut_pictures(
        photos / "apple", tmp_path / "fg", masks=tmp_path / "coco.json", colours=False, progress=False
    )
    (error,) = report.unusable
    assert f"coco.json: two.png: {problem}" in str(error)
    assert [path.name for path in report.without] == ["one.png"]


def test_a_category_never_leads_out_of_the_folder_of_the_cut_outs(photos: Path, tmp_path: Path) -> None:
    for category in ("../fruit", "a/../../fruit", "/fruit"):
        (tmp_path / "coco.json").write_text(coco_of([[10, 10, 40, 10, 40, 40]], category))
        with pytest.raises(SourceError, match="leads out of the folder of the cut-outs"):
            cut_pictures(photos, tmp_path / "fg", masks=tmp_path / "coco.json", colours=False, progress=False)
    assert not (tmp_path / "fruit").exists()


def test_a_folder_of_masks_is_read_as_an_exam_reads_it(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    ones = (photo_of((30, 40, 12))[..., 0] > 128).astype(np.uint8)
    Image.fromarray(ones).save(tmp_path / "masks" / "one.png")  # 0 and 1 mean 0 and 255
    Image.fromarray(photo_of((30, 40, 12))).save(tmp_path / "masks" / "two.png")
    report = cut_pictures(photos / "apple", tmp_path / "fg", masks=tmp_path / "masks", colours=False, progress=False)
    assert [path.name for path in report.written] == ["one.png"]
    with Image.open(tmp_path / "fg" / "one.png") as picture:
        assert np.asarray(picture)[..., 3].max() == 255
    assert "has colours; expected a grey mask of 0 (outside) and 255 (object)" in str(report.unusable[0])


@pytest.mark.slow
def test_soft_edges_get_the_colour_of_the_object(tmp_path: Path) -> None:
    mask = cv2.GaussianBlur(cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 24, 255, -1), (15, 15), 0)
    photo = (mask[..., None] / 255 * (250, 10, 10) + (1 - mask[..., None] / 255) * (20, 160, 60)).astype(np.uint8)
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    Image.fromarray(photo).save(tmp_path / "photos" / "a.png")
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    greens = []
    for colours in (False, True):
        out = tmp_path / f"fg{colours}"
        cut_pictures(
            tmp_path / "photos",
            out,
            masks=tmp_path / "masks",
            colours=colours,
            limits=Limits(most_soft=1.0),
            progress=False,
        )
        with Image.open(out / "a.png") as picture:
            rgba = np.asarray(picture).astype(int)
        soft = (rgba[..., 3] > 40) & (rgba[..., 3] < 200)
        greens.append(rgba[soft][:, 1].mean())
    assert greens[1] < 0.5 * greens[0]


def test_the_command_names_what_it_rejected_and_refuses_a_second_run(photos: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    words = ["cutout", str(photos), "-o", str(tmp_path / "fg"), "--model", f"onnx:{network}", "--no-colours"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2  # one photo cannot be used; the others are done
    assert "broken.jpg" in done.output
    assert "3 cut-outs, 1 rejected; look at" in done.output
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 2
    assert "holds pictures" in again.output
    assert "--overwrite" in again.output


def test_what_cannot_work_is_refused_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    network = write_network(tmp_path / "red.onnx")
    out = tmp_path / "fg"
    with pytest.raises(ConfigError, match="expected one of isnet, u2net.*; did you mean 'isnet'"):
        cut_pictures(photos, out, model="isnett", colours=False)
    with pytest.raises(ConfigError, match="non-commercial.*non_commercial=True"):
        cut_pictures(photos, out, model="rmbg-1.4", colours=False)
    with pytest.raises(EstimatorError, match="there is no such file"):
        cut_pictures(photos, out, model="onnx:none.onnx", colours=False)
    network.with_suffix(".toml").write_text(RED_IS_OBJECT.replace('"none"', '"softmax"'))
    with pytest.raises(EstimatorError, match="activation = 'softmax': expected one of none, sigmoid, minmax"):
        cut_pictures(photos, out, model=f"onnx:{network}", colours=False)
    network.with_suffix(".toml").unlink()
    with pytest.raises(EstimatorError, match="how to prepare its pictures is not known"):
        cut_pictures(photos, out, model=f"onnx:{network}", colours=False)
    (tmp_path / "no.json").write_text("[]")
    with pytest.raises(SourceError, match="is no COCO file: 'images' is no list"):
        cut_pictures(photos, out, masks=tmp_path / "no.json", colours=False)
    assert not out.exists()


def test_a_named_network_is_fetched_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = write_network(tmp_path / "red.onnx")
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/red.onnx" else 404)
            self.end_headers()
            self.wfile.write(network.read_bytes() if self.path == "/red.onnx" else b"")

        def log_message(self, *_: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "*")
        recipe = models.make_recipe(
            {"mean": [0.0] * 3, "std": [1.0] * 3, "output": "inverse"}, network.with_suffix(".toml")
        )
        for name in ("red", "gone"):
            url = f"http://127.0.0.1:{server.server_port}/{name}.onnx"
            monkeypatch.setitem(models.MODELS, name, models.CutoutModel(url=url, recipe=recipe, activation="none"))
        for number in (1, 2):
            cut_pictures(photos / "apple", tmp_path / f"fg{number}", model="red", colours=False, progress=False)
        assert asked == ["/red.onnx"]
        with pytest.raises(EstimatorError, match=r"cannot be fetched.*put it at .*gone\.onnx"):
            cut_pictures(photos, tmp_path / "fg3", model="gone", colours=False)
        assert not (tmp_path / "cache" / "fgbg-data" / "cutout" / "gone.onnx").exists()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- alpha ------------------------------------------------------------------------------------------------


def test_cleaning_drops_noise_and_nothing_else() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cleaned = clean_alpha(every)
    assert not cleaned[every < 8].any()
    assert np.array_equal(cleaned[every >= 8], every[every >= 8])


@given(arrays(np.uint8, (7, 8), elements=st.sampled_from([0, 0, 0, 200])))
def test_parts_are_apart_and_none_is_counted_twice(alpha: Array) -> None:
    parts = split_parts(alpha)
    areas = [int((part > 0).sum()) for part in parts]
    assert areas == sorted(areas, reverse=True)
    assert sum((part > 0).astype(int) for part in parts).max(initial=0) <= 1 if parts else not alpha.any()
    for part in parts:
        assert cv2.connectedComponents((part > 0).astype(np.uint8))[0] == 2


@pytest.mark.parametrize(
    ("alpha", "reason"),
    [
        (np.full((20, 20), 255, np.uint8), "covers 100 % of the picture, so hardly anything was cut away"),
        (np.pad(np.full((1, 1), 255, np.uint8), 20), "covers 0.1 % of the picture"),
        (np.pad(np.full((9, 9), 120, np.uint8), 9), "is soft: 100 % of its pixels are half transparent"),
        (np.pad(np.full((9, 9), 255, np.uint8), ((0, 9), (9, 0))), "is cut off by the picture at the top and right"),
        (np.pad(np.full((9, 9), 255, np.uint8), ((9, 0), (9, 9))), ""),
    ],
)
def test_why_a_cut_out_is_rejected(alpha: Array, reason: str) -> None:
    assert why_rejected(alpha) == reason
