"""Exams: folders and COCO files of real pictures are read, and files that cannot be used are named."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.exams import disc, slope, write_depth, write_exam, write_mask, write_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fgbg_data import ExamProtocol, open_exam
from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.exam.coco_file import CocoMask
from fgbg_data.exam.scores import ramp, score_picture

# --- folders ---------------------------------------------------------------------------------------


def test_pictures_with_their_answers_beside_them(tmp_path: Path) -> None:
    exam = open_exam(write_exam(tmp_path))
    assert [(entry.name, entry.set_name) for entry in exam.entries] == [
        ("empty/0", "empty"),
        ("street/0", "street"),
        ("street/1", "street"),
    ]
    picture = exam.read(exam.entries[1])
    np.testing.assert_array_equal(picture.mask, disc())
    np.testing.assert_allclose(picture.depth, slope(), atol=0.0006)
    assert picture.image.shape == (40, 60, 3)


@pytest.mark.parametrize("inside", [False, True], ids=["images/street", "street/images"])
def test_parallel_folders(tmp_path: Path, inside: bool) -> None:
    def path(kind: str, name: str) -> Path:
        return tmp_path / "street" / kind / name if inside else tmp_path / kind / "street" / name

    write_picture(path("images", "7.jpg"), disc())
    write_mask(path("masks", "7.png"), disc())
    write_depth(path("depth", "7.npy"), slope())
    (entry,) = open_exam(tmp_path).entries
    assert (entry.name, entry.set_name) == ("street/7", "street")
    picture = entry.read(ExamProtocol())
    np.testing.assert_array_equal(picture.mask, disc())
    np.testing.assert_array_equal(picture.depth, slope())


def test_pictures_right_in_the_folder_form_a_set_of_its_name(tmp_path: Path) -> None:
    write_picture(tmp_path / "garden" / "with.dots.jpg", disc())
    write_mask(tmp_path / "garden" / "with.dots.mask.png", disc())
    (entry,) = open_exam(tmp_path / "garden").entries
    assert (entry.name, entry.set_name) == ("with.dots", "garden")


def test_all_files_that_cannot_be_used_are_listed_at_once(tmp_path: Path) -> None:
    good = disc()
    for name in ("alone", "small", "ratio", "colour", "dark", "bits", "broken", "eight", "text", "flat", "unknown"):
        write_picture(tmp_path / f"{name}.png", good)
    write_mask(tmp_path / "orphan.mask.png", good)
    write_depth(tmp_path / "lonely.depth.npy", slope())
    write_mask(tmp_path / "small.mask.png", good[:20])
    write_depth(tmp_path / "ratio.depth.png", slope(40, 40))
    Image.fromarray(np.stack([good * 255, good * 0, good * 0], -1).astype(np.uint8)).save(tmp_path / "colour.mask.png")
    write_mask(tmp_path / "dark.mask.png", good, top=7)
    Image.fromarray((good * 65535).astype(np.uint16)).save(tmp_path / "bits.mask.png")
    (tmp_path / "broken.mask.png").write_bytes(b"no picture")
    Image.fromarray((good * 255).astype(np.uint8)).save(tmp_path / "eight.depth.png")
    np.save(tmp_path / "text.depth.npy", np.full(good.shape, "near"))
    np.save(tmp_path / "flat.depth.npy", slope()[0])
    np.save(tmp_path / "unknown.depth.npy", np.full(good.shape, np.nan))
    write_picture(tmp_path / "twice.png", good)
    write_picture(tmp_path / "twice.jpg", good)
    write_mask(tmp_path / "twice.mask.png", good)
    with pytest.raises(SourceError) as raised:
        open_exam(tmp_path)
    lines = str(raised.value).splitlines()
    assert lines[0] == f"{tmp_path}: 14 problems:"
    expected = {
        "alone.png": "has no mask and no depth; expected alone.mask.png, or alone.depth.png or .npy beside it",
        "orphan.mask.png": "has no picture; expected",
        "lonely.depth.npy": "has no picture; expected",
        "small.mask.png": "is 60x20 px, but its picture is 60x40 px",
        "ratio.depth.png": "is 40x40, and its picture is 60x40 px: the ratios differ",
        "colour.mask.png": "has colours; expected a grey mask of 0 (outside) and 255 (object)",
        "dark.mask.png": "holds no value above 7, but objects begin at 128",
        "bits.mask.png": "has more than 8 bits",
        "broken.mask.png": "is no picture of a known kind",
        "eight.depth.png": "is a PNG of 8 bits; expected a grey PNG of 16 bits, or a .npy file",
        "text.depth.npy": "holds <U4; expected real numbers, such as float32",
        "flat.depth.npy": "has the shape (60,); expected (height, width)",
        "unknown.depth.npy": "holds no known depth: no finite number above 0",
        "twice.jpg": "two pictures cannot share one name",
    }
    for name, text in expected.items():
        assert [line for line in lines if f"/{name}" in line.partition(": ")[0] + ":" and text in line], (name, lines)


def test_a_set_may_not_have_the_name_of_another_column(tmp_path: Path) -> None:
    write_picture(tmp_path / "pooled" / "7.jpg", disc())
    write_mask(tmp_path / "pooled" / "7.mask.png", disc())
    with pytest.raises(SourceError, match="a set cannot be called 'pooled'"):
        open_exam(tmp_path)


def test_two_layouts_may_not_give_two_pictures_one_name(tmp_path: Path) -> None:
    write_picture(tmp_path / "street" / "7.jpg", disc())
    write_mask(tmp_path / "street" / "7.mask.png", disc())
    write_picture(tmp_path / "images" / "street" / "7.jpg", disc())
    write_mask(tmp_path / "masks" / "street" / "7.png", disc())
    with pytest.raises(SourceError, match="two pictures cannot share the name street/7"):
        open_exam(tmp_path)


def test_a_folder_without_pictures_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no picture; expected pictures, each with x.mask.png"):
        open_exam(tmp_path)
    with pytest.raises(SourceError, match="there is no such folder; expected a folder of"):
        open_exam(tmp_path / "gone")
    with pytest.raises(ConfigError, match="only a COCO file has categories"):
        open_exam(tmp_path, ExamProtocol(categories="chair"))


def test_masks_of_other_values_are_cut_at_half_and_named(tmp_path: Path) -> None:
    soft = (disc() * 200 + ~disc() * 127).astype(np.uint8)
    for name, values in (("soft", soft), ("ones", disc().astype(np.uint8)), ("plain", disc() * np.uint8(255))):
        write_picture(tmp_path / f"{name}.png", disc())
        Image.fromarray(values).save(tmp_path / f"{name}.mask.png")
    exam = open_exam(tmp_path)
    for entry in exam.entries:
        np.testing.assert_array_equal(exam.read(entry).mask, disc())
    assert sorted(exam.notes) == [
        "masks of 0 and 1, where 1 is an object: 1",
        "masks with values between 0 and 255, where 128 and more are an object: 1",
    ]


@pytest.mark.parametrize(
    ("kind", "scale", "stored", "expected"),
    [
        ("metric", 0, 1500, 1.5),
        ("metric", 256, 512, 2.0),
        ("metric", 0, 65535, 0.0),
        ("inverse", 1000, 500, 2.0),
        ("disparity", 256, 512, 0.5),
        ("inverse", 65535, 65535, 1.0),
    ],
)
def test_depth_has_the_unit_and_kind_asked_for(
    tmp_path: Path, kind: Any, scale: float, stored: int, expected: float
) -> None:
    write_picture(tmp_path / "a.png", disc())
    codes = np.full((40, 60), stored, np.uint16)
    codes[0] = 0
    codes[1] = 300
    Image.fromarray(codes).save(tmp_path / "a.depth.png")
    (entry,) = open_exam(tmp_path, ExamProtocol(depth_kind=kind, depth_scale=scale)).entries
    depth = entry.read(ExamProtocol(depth_kind=kind, depth_scale=scale)).depth
    assert depth is not None
    assert (depth[0] == 0).all(), "0 is not known"
    np.testing.assert_allclose(depth[2:], expected, rtol=1e-6)


def test_depth_with_too_few_pixels_that_count_is_left_out_and_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", disc())
    write_mask(tmp_path / "a.mask.png", disc())
    few = np.zeros((40, 60), np.float32)
    few[:5] = 2
    write_depth(tmp_path / "a.depth.npy", few)
    exam = open_exam(tmp_path)
    assert exam.notes == ("depth with fewer than 500 pixels that count, which is left out: 1",)
    assert "delta1" not in score_picture(exam.read(exam.entries[0]), disc(), ramp((40, 60)), exam.protocol)


# --- COCO ------------------------------------------------------------------------------------------


def coco_file(folder: Path, **changes: Any) -> Path:
    """Write a COCO file with a polygon, plain and compressed run lengths, a crowd, and a picture without objects."""
    from pycocotools import mask as coco

    square = [[10, 10, 30, 10, 30, 25, 10, 25]]
    packed = coco.encode(np.asfortranarray(disc(), np.uint8))
    packed["counts"] = packed["counts"].decode()
    runs = {"size": [40, 60], "counts": [40 * 5, 40 * 2, 40 * 53]}
    table: dict[str, Any] = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": 40, "width": 60} for n in range(4)],
        "categories": [{"id": 1, "name": "chair"}, {"id": 2, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "iscrowd": 0, "segmentation": square},
            {"id": 2, "image_id": 1, "category_id": 2, "iscrowd": 0, "segmentation": packed},
            {"id": 3, "image_id": 2, "category_id": 2, "iscrowd": 1, "segmentation": runs},
            {"id": 4, "image_id": 2, "category_id": 1, "iscrowd": 0, "segmentation": square},
        ],
    }  # fmt: skip
    for number in range(4):
        write_picture(folder / "images" / f"{number}.png", disc())
    (folder / "instances_some.json").write_text(json.dumps(table | changes))
    return folder / "instances_some.json"


def test_a_coco_file_gives_the_union_of_objects(tmp_path: Path) -> None:
    path = coco_file(tmp_path)
    exam = open_exam(path)
    masks = [exam.read(entry).mask for entry in exam.entries]
    assert [entry.set_name for entry in exam.entries] == ["instances_some"] * 4
    assert all(mask is not None for mask in masks)
    square = np.zeros((40, 60), bool)
    square[10:25, 10:30] = True
    strip = np.zeros((40, 60), bool)
    strip[:, 5:7] = True
    for mask, expected in zip(masks, (square, disc(), square | strip, np.zeros((40, 60), bool)), strict=True):
        np.testing.assert_array_equal(mask, expected)
    assert exam.notes == ("crowd regions, which count as objects: 1",)
    people = open_exam(path, ExamProtocol(categories="person"))
    assert [bool(mask.any()) for e in people.entries if (mask := people.read(e).mask) is not None] == [
        False, True, True, False,
    ]  # fmt: skip


@given(st.integers(0, 2**32 - 1))
def test_compressed_run_lengths_are_read_as_pycocotools_writes_them(seed: int) -> None:
    from pycocotools import mask as coco

    rng = np.random.default_rng(seed)
    mask = np.repeat(rng.random((40, 15)) < rng.random(), 4, axis=1)
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    packed["counts"] = packed["counts"].decode()
    np.testing.assert_array_equal(CocoMask("here", (40, 60), (packed,)).read((40, 60)), mask)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_damaged_run_lengths_never_crash(text: str) -> None:
    segmentation = {"size": [40, 60], "counts": text}
    with contextlib.suppress(SourceError):
        assert CocoMask("here", (40, 60), (segmentation,)).read((40, 60)).shape == (40, 60)


def broken(segmentation: Any, **changes: Any) -> dict[str, Any]:
    return {"annotations": [{"id": 1, "image_id": 0, "category_id": 1, "segmentation": segmentation} | changes]}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (broken([[1, 2, 3, 4]]), "0.png: has a polygon that is no list of at least three points"),
        (broken(None), "0.png: has an object without segmentation; a mask needs polygons or run lengths"),
        (broken({"size": [60, 40], "counts": [2400]}), "has run lengths for the size [60, 40]; expected"),
        (broken({"size": [40, 60], "counts": [9999]}), "has run lengths of 9999 pixels; expected 2400"),
        (broken({"size": [40, 60], "counts": "!!~~"}), "0.png: has run lengths that are damaged"),
        (broken({"size": [40, 60], "counts": "oooo"}), "0.png: has run lengths that are damaged"),
        (broken([[0, 0, 1e9, 0, 1e9, 1e9]]), "0.png: has a polygon that lies farther than 4 times the size"),
        (broken([[0, 0, 10**400, 0, 9, 9]]), "0.png: has a polygon that lies farther than 4 times the size"),
        (broken([[1, 1, 9, 1, 9, 9]], category_id=7), "does not declare the category 7 (1 annotation)"),
        (broken([[1, 1, 9, 1, 9, 9]], image_id=9), "does not declare the picture 9 (1 annotation)"),
        ({"images": [{"id": 0, "file_name": "0.png", "height": 30, "width": 60}], "annotations": []}, "declares 60x30"),
        ({"images": [{"id": 0, "file_name": "no.png", "height": 4, "width": 6}], "annotations": []}, "cannot be read"),
        ({"images": [{"id": 0, "file_name": "../0.png", "height": 4, "width": 6}]}, "leads out of its folder"),
        ({"images": {}}, "is no COCO file: 'images' is no list of objects with id, file_name, height, width"),
        ({"images": []}, "holds no picture"),
        ({"images": [{"id": [0], "file_name": "0.png", "height": 40, "width": 60}]}, "has the id [0] in 'images'"),
        ({"images": [{"id": 0, "file_name": "", "height": 40, "width": 60}]}, "has a picture with file_name = ''"),
        ({"images": [{"id": 0, "file_name": "0.png", "height": "40", "width": 60}]}, "expected whole numbers above 0"),
        (broken([[1, 1, 9, 1, 9, 9]], image_id=[9]), "does not declare the picture [9] (1 annotation)"),
    ],
)
def test_what_is_wrong_in_a_coco_file_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    path = coco_file(tmp_path, **changes)
    with pytest.raises(SourceError) as raised:
        open_exam(path)
    assert problem in str(raised.value)


def test_a_category_that_a_coco_file_lacks_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="categories='chiar': expected names of chair, person; did you mean 'chair'?"):
        open_exam(coco_file(tmp_path), ExamProtocol(categories="chiar"))
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(SourceError, match="is no JSON"):
        open_exam(tmp_path / "text.json")
