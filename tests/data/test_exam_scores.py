"""Exams: predictions are scored, picture by picture and set by set, and depth estimators beside baselines."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.exams import slope, write_exam
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fgbg_data import ExamProtocol, examine_estimators, open_exam
from fgbg_data.cli import main
from fgbg_data.exam.depth_scores import aligned, counting_pixels, depth_scores
from fgbg_data.exam.mask_scores import boundary_f, centred_ellipse, mask_scores
from fgbg_data.exam.scores import MEAN, POOLED, ExamScores

SHARED = Path(__file__).parents[3] / "shared"


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
