"""Exams: folders and COCO files of real pictures are read, and predictions are scored."""

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.exams import disc, slope, write_depth, write_exam, write_mask, write_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fgbg_data import ExamProtocol, examine_estimators, open_exam
from fgbg_data.cli import main
from fgbg_data.errors import ConfigError, SourceError
from fgbg_data.exam.coco_file import CocoMask
from fgbg_data.exam.depth_scores import aligned, counting_pixels, depth_scores
from fgbg_data.exam.mask_scores import boundary_f, centred_ellipse, mask_scores
from fgbg_data.exam.scores import MEAN, POOLED, ExamScores, ramp, score_picture

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


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


def test_depth_of_which_too_little_counts_is_left_out_and_named(tmp_path: Path) -> None:
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
        (broken([[1, 2, 3, 4]]), "images/0.png: has a polygon that is no list of at least three points"),
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
    assert problem.replace("images/", "") in str(raised.value)


def test_a_category_that_a_coco_file_lacks_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="categories='chiar': expected names of chair, person; did you mean 'chair'?"):
        open_exam(coco_file(tmp_path), ExamProtocol(categories="chiar"))
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(SourceError, match="is no JSON"):
        open_exam(tmp_path / "text.json")


# --- masks -----------------------------------------------------------------------------------------


def test_outlines_match_within_the_tolerance_and_not_beyond() -> None:
    truth = np.zeros((300, 400), bool)
    truth[100:200, 100:300] = True  # the diagonal is 500 px, so the tolerance is 4 px
    assert boundary_f(truth, truth) == 1
    assert boundary_f(np.roll(truth, 4, 1), truth) == 1
    shifted = boundary_f(np.roll(truth, 5, 1), truth)
    assert 0.6 < shifted < 0.7, "the two long sides still match, and 4 pixels at each end of the short ones"
    assert boundary_f(np.zeros_like(truth), truth) == 0
    assert boundary_f(truth, np.zeros_like(truth)) == 0
    assert boundary_f(np.zeros_like(truth), np.ones_like(truth)) == 1, "neither has an outline"


def test_false_area_is_the_share_of_a_picture_without_object() -> None:
    predicted = np.zeros((10, 20), bool)
    predicted[:, :5] = True
    assert mask_scores(predicted, np.zeros((10, 20), bool))["false_area"] == 0.25
    assert "false_area" not in mask_scores(predicted, predicted)


# --- depth -----------------------------------------------------------------------------------------


def test_depth_scores_of_known_errors() -> None:
    depth = slope(40, 40)
    exact = depth_scores(1 / depth, depth, ExamProtocol(align="none", cap="none"))
    perfect = dict.fromkeys(("delta1", "delta2", "delta3", "order"), 1) | dict.fromkeys(("abs_rel", "rmse", "silog"), 0)
    assert exact == pytest.approx(perfect, abs=1e-5)
    farther = depth_scores(1 / (1.3 * depth), depth, ExamProtocol(align="none", cap="none"))
    assert farther["delta1"] == 0
    assert farther["delta2"] == 1
    assert farther["abs_rel"] == pytest.approx(0.3, abs=1e-5)
    assert farther["rmse"] == pytest.approx(0.3 * math.sqrt(float(np.square(depth.astype(float)).mean())), rel=1e-5)
    assert farther["silog"] == pytest.approx(0, abs=1e-3), "it ignores scale"
    for align, guess in (("median", 5 / depth), ("affine-inverse", 5 / depth - 2)):
        found = depth_scores(guess, depth, ExamProtocol(align=align))  # type: ignore[arg-type]
        assert found["abs_rel"] == pytest.approx(0, abs=1e-4), align
    assert depth_scores(-1 / depth, depth)["order"] == 0


def test_cap_crop_and_unknown_pixels_do_not_count() -> None:
    depth = slope(100, 100)
    depth[:, :10] = 0
    assert counting_pixels(depth, ExamProtocol(cap="none")).sum() == 9000
    assert counting_pixels(depth, ExamProtocol(cap="3")).sum() == (depth[:, 10:] < 3).sum()
    assert counting_pixels(depth, ExamProtocol()).sum() == 8910, "the farthest of 100 rows is above the percentile"
    assert counting_pixels(depth, ExamProtocol(cap="none", crop="garg")).sum() == (99 - 40) * (96 - 10)
    assert counting_pixels(depth[:5], ExamProtocol(cap="none")) is None


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=24, max_size=24),
    st.lists(st.floats(0, 1e5), min_size=24, max_size=24),
    st.sampled_from(["affine-inverse", "median", "none"]),
    st.sampled_from(["p99.5", "none", "80"]),
)
def test_no_score_is_ever_nan_or_infinite(raw: list[float], known: list[float], align: Any, cap: str) -> None:
    prediction = np.repeat(np.array(raw, np.float32).reshape(4, 6), 30, 0)
    depth = np.repeat(np.array(known, np.float32).reshape(4, 6), 30, 0)
    depth = np.where(depth < 1e-3, 0, depth)
    found = depth_scores(prediction.repeat(5, 1), depth.repeat(5, 1), ExamProtocol(align=align, cap=cap))
    assert all(math.isfinite(value) for value in found.values())


def test_a_prediction_that_falls_where_truth_rises_gets_the_best_constant() -> None:
    truth = np.linspace(0.2, 1, 50)
    np.testing.assert_allclose(aligned(-truth, truth, "affine-inverse"), truth.mean())


# --- scores of sets --------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.integers(1, 9)), min_size=2, max_size=9), st.data()
)
def test_merging_parts_in_any_order_is_the_same_to_the_bit(
    rows: list[tuple[str, float, int]], data: st.DataObject
) -> None:
    def scores(numbers: list[int]) -> ExamScores:
        found = ExamScores()
        for number in numbers:
            name, value, pixels = rows[number]
            values = {"mask_iou_img": value, "boundary_f": value / 3, "both_px": pixels, "either_px": 9}
            found.add(str(number), name, values)
        return found

    order = data.draw(st.permutations(range(len(rows))))
    cut = data.draw(st.integers(0, len(rows)))
    merged = scores(order[:cut]).merge(scores(order[cut:]))
    assert merged.compute() == scores(list(range(len(rows)))).compute()


def test_a_picture_is_never_counted_twice() -> None:
    scores = ExamScores({"a": ("set", {"mask_iou_img": 1.0})})
    with pytest.raises(ValueError, match="a has been scored already"):
        scores.merge(scores)


# --- estimators ------------------------------------------------------------------------------------


def test_estimators_are_scored_beside_baselines(tmp_path: Path) -> None:
    exam = write_exam(tmp_path / "photos")
    reports = examine_estimators(exam, ["fake"], panel=tmp_path / "panel.png")
    assert list(reports) == ["constant", "noise", "ramp", "fake"]
    assert reports["ramp"].columns[MEAN]["order"] == 1, "the slope is nearer where it is lower"
    assert reports["fake"].columns[POOLED]["depths"] == 3
    with Image.open(tmp_path / "panel.png") as panel:
        assert panel.height > 3 * 165


def test_the_command_prints_the_table_of_estimators(tmp_path: Path) -> None:
    exam = str(write_exam(tmp_path / "photos"))
    done = CliRunner().invoke(main, ["depth", "--exam", exam, "--compare", "fake,fake", "--align", "median"])
    assert done.exit_code == 0, done.output
    for text in (
        "delta1 / abs_rel / order",
        "mean of sets",
        "alignment: median",
        "cap: below the 99.5th",
        "crop: none",
    ):
        assert text in done.stdout
    found = json.loads(CliRunner().invoke(main, ["depth", "--exam", exam, "--depth", "fake", "--json"]).stdout)
    assert found["fake"]["sets"].keys() == {"street", "empty"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Missing argument 'PICTURE...'"),
        (["photo.jpg"], "Missing option '--out'"),
        (["photo.jpg", "-o", "out", "--align", "none"], "--align has no effect without --exam"),
        (["photo.jpg", "--exam", "photos"], "PICTURE photo.jpg has no effect beside --exam"),
        (["--exam", "photos", "-o", "out"], "--out out has no effect beside --exam"),
    ],
)
def test_options_of_depth_that_cannot_work_together_are_refused(arguments: list[str], problem: str) -> None:
    done = CliRunner().invoke(main, ["depth", *arguments])
    assert done.exit_code == 2
    assert problem in done.output


# --- real pictures ---------------------------------------------------------------------------------


def test_real_pictures_with_masks_are_read_and_the_ellipse_scores_as_known() -> None:
    folder = SHARED / "real" / "exam"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: real photos are kept outside the repository")
    exam = open_exam(folder)
    assert {entry.set_name for entry in exam.entries} == {"davis", "ecssd", "graz_people"}
    assert exam.notes == ()
    scores = ExamScores()
    for entry in exam.entries:
        mask = exam.read(entry).mask
        assert mask is not None
        ellipse = centred_ellipse((mask.shape[0], mask.shape[1]))
        iou = float((ellipse & mask).sum() / (ellipse | mask).sum())
        scores.add(entry.name, entry.set_name, {"mask_iou_img": iou})
    found = scores.compute()
    known = {"ecssd": 0.430, "graz_people": 0.334, "davis": 0.191}
    assert {name: found[name]["mask_iou_img"] for name in known} == pytest.approx(known, abs=0.0006)


@pytest.mark.slow
def test_the_table_of_tiny_is_reproduced() -> None:
    folder = SHARED / "rgbd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: real photos with depth are kept outside the repository")
    found = examine_estimators(folder, ["tiny"], protocol=ExamProtocol(depth_scale=1))["tiny"].columns[MEAN]
    assert (found["delta1"], found["abs_rel"], found["order"]) == pytest.approx((0.655, 0.241, 0.803), abs=0.0006)
