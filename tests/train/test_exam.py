"""A model takes an exam of real pictures: by `examine` and `eval --photos`, and after each epoch of `fit`."""

import csv
import dataclasses
import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.docs import DOCS, blocks
from helpers.exams import disc, slope, write_depth, write_exam, write_mask, write_picture
from helpers.training import differing_weights, fit_and_get_killed, quick_config
from PIL import Image

from fgbg_data.cli import main as data_main
from fgbg_data.errors import SourceError
from fgbg_data.exam.protocol import ExamProtocol
from fgbg_train import examine, fit, plan_fit
from fgbg_train.cli import main
from fgbg_train.config import ExamConfig, FitConfig
from fgbg_train.errors import ConfigError, DataError
from fgbg_train.run.log import read_rows


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_exam(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def examined_run(shards: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run like `finished_run` that also takes an exam, and that was killed and resumed. Read only."""
    config, out = quick_config(exam={"photos": str(photos)}), tmp_path_factory.mktemp("runs") / "examined"
    fit_and_get_killed(shards, config, out, at="step", count=6)
    return fit(shards, config, out=out)


# --- examine and eval ------------------------------------------------------------------------------


def test_a_checkpoint_is_scored_by_set_pooled_and_as_the_mean_of_sets(finished_run: Path, photos: Path) -> None:
    report = examine(finished_run, photos, device="cpu")
    assert list(report.columns) == ["empty", "street", "pooled", "mean of sets"]
    pooled = report.columns["pooled"]
    assert (pooled["pictures"], pooled["masks"], pooled["without_object"], pooled["depths"]) == (3, 3, 1, 3)
    assert 0 <= pooled["mask_iou_img"] <= 1
    assert report.columns["street"]["mask_iou_img"] == pooled["mask_iou_img"], "the other picture has no object"
    assert report.columns["empty"]["false_area"] == pooled["false_area"]
    assert "mask_iou_img" not in report.columns["empty"]
    assert pooled["delta1"] == pytest.approx(
        (report.columns["empty"]["delta1"] + 2 * report.columns["street"]["delta1"]) / 3
    )
    assert report.protocol["alignment"].startswith("least-squares scale and shift")
    assert "cap" in str(report)
    assert "0.8 % of the diagonal" in str(report)


def test_a_dataset_beside_the_pictures_gives_the_gap(finished_run: Path, shards: Path, photos: Path) -> None:
    report = examine(finished_run, photos, dataset=shards, device="cpu")
    assert report.synthetic["pictures"] == 12, "the split test"
    for name in ("mask_iou_img", "boundary_f", "delta1"):
        expected = report.synthetic[name] - report.columns["street"][name]
        assert report.gap["street"][name] == pytest.approx(expected)
    errors = report.columns["street"]["abs_rel"] - report.synthetic["abs_rel"]
    assert report.gap["street"]["abs_rel"] == pytest.approx(errors), "above 0 is always worse on real pictures"
    assert "gap mask_iou_img" in str(report)


def test_the_way_of_comparing_depth_changes_the_scores_and_is_written_down(finished_run: Path, photos: Path) -> None:
    reports = [
        examine(finished_run, photos, protocol=ExamProtocol(align=align), device="cpu")
        for align in ("affine-inverse", "median")
    ]
    one, other = (report.columns["pooled"] for report in reports)
    assert one["delta1"] != other["delta1"]
    assert one["order"] == other["order"], "the order needs no alignment"
    assert one["mask_iou"] == other["mask_iou"]
    assert reports[1].protocol["alignment"].startswith("median")


def test_the_command_prints_a_table_or_json_and_draws_a_panel(
    finished_run: Path, shards: Path, photos: Path, tmp_path: Path
) -> None:
    panel = tmp_path / "panel.png"
    command = ["eval", str(finished_run), "--photos", str(photos), "--device", "cpu"]
    done = CliRunner().invoke(main, [*command, "--dataset", str(shards), "--panel", str(panel)])
    assert done.exit_code == 0, done.output
    assert "street" in done.output
    assert "gap mask_iou_img" in done.output
    with Image.open(panel) as picture:
        assert picture.width > 800, "picture, mask, prediction, comparison, depth and predicted depth"
    found = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert set(found) == {"exam", "sets", "pooled", "mean_of_sets", "protocol", "notes"}
    assert found["sets"].keys() == {"street", "empty"}


def test_the_commands_of_the_page_run(
    finished_run: Path, shards: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name, target in (("runs/NAME", finished_run), ("shards", shards), ("photos", photos)):
        (tmp_path / name).symlink_to(target)
    write_picture(tmp_path / "val2017" / "0.png", disc())
    table = {
        "images": [{"id": 0, "file_name": "0.png", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "chair"}, {"id": 2, "name": "person"}],
        "annotations": [{"image_id": 0, "category_id": 1, "segmentation": [[9, 9, 40, 9, 40, 30]]}],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(table))
    lines = "\n".join(blocks((DOCS / "exam.md").read_text(), "sh")).splitlines()
    programs = {"fgbg-train": main, "fgbg-data": data_main}
    ran = 0
    for line in lines:
        words = shlex.split(line.replace("tiny,depth-anything-v2-small", "fake,fake"), comments=True)
        if words[1] == "fit":  # a run of the preset takes minutes; the tests below run it with small networks
            continue
        done = CliRunner().invoke(programs[words[0]], words[1:])
        assert done.exit_code == 0, (line, done.output)
        ran += 1
    assert ran == 6
    assert (tmp_path / "panel.png").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected a dataset DATA, or --photos"),
        (["shards", "--align", "none"], "--align has no effect without --photos"),
        (["shards", "--panel", "p.png"], "--panel has no effect without --photos"),
        (["--photos", "P", "--batch", "4"], "--batch has no effect beside --photos"),
        (["--photos", "P", "--split", "test"], "--split has no effect beside --photos"),
        (["--photos", "P", "--limit", "4"], "--limit has no effect without --dataset"),
        (["shards", "--photos", "P", "--dataset", "other"], "give one dataset"),
        (["--photos", "P", "--cap", "far"], "--cap far: expected a depth such as 80, a percentile such as p99.5"),
        (["--photos", "P", "--depth-kind", "disparity", "--align", "none"], "--align none: the unit of"),
    ],
)
def test_options_that_cannot_work_together_are_refused(finished_run: Path, arguments: list[str], problem: str) -> None:
    done = CliRunner().invoke(main, ["eval", str(finished_run), *arguments])
    assert done.exit_code == 2
    assert problem in done.stderr


def test_an_exam_that_asks_nothing_that_the_model_predicts_is_refused(
    shards_without_depth: Path, tmp_path: Path
) -> None:
    write_picture(tmp_path / "photos" / "a.jpg", disc())
    write_depth(tmp_path / "photos" / "a.depth.png", slope())
    config = quick_config(exam={"photos": str(tmp_path / "photos")})
    with pytest.raises(DataError, match="holds only depth, and the model predicts none"):
        plan_fit(shards_without_depth, config, out=tmp_path / "run")


# --- fit -------------------------------------------------------------------------------------------


def test_an_exam_changes_no_weight_also_of_a_run_that_was_killed(examined_run: Path, finished_run: Path) -> None:
    assert differing_weights(examined_run / "last.ckpt", finished_run / "last.ckpt") == []
    best = [json.loads((run / "summary.json").read_text())["best"] for run in (examined_run, finished_run)]
    assert best[0] == best[1]


def test_every_epoch_is_examined_once_and_the_summary_holds_the_best_weights(examined_run: Path, photos: Path) -> None:
    rows = read_rows(examined_run / "log.csv")
    for split in ("exam", "exam/street", "exam/empty", "exam/mean of sets"):
        assert [row["epoch"] for row in rows if row["split"] == split] == ["1", "2", "3"]
    summary = json.loads((examined_run / "summary.json").read_text())
    assert summary["exam"]["exam"] == str(photos)
    best = next(r for r in rows if r["split"] == "exam" and int(r["epoch"]) == summary["best"]["epoch"])
    assert float(best["exam_mask_iou_img"]) == pytest.approx(summary["exam"]["pooled"]["mask_iou_img"])
    again = examine(examined_run, photos, device="cpu")
    assert again.columns["pooled"] == pytest.approx(summary["exam"]["pooled"])
    events = b"".join(path.read_bytes() for path in (examined_run / "tensorboard").iterdir())
    assert b"exam/street/exam_mask_iou_img" in events


def test_an_exam_may_come_and_go_when_a_run_is_resumed(photos: Path) -> None:
    with_exam = FitConfig(exam=ExamConfig(photos=str(photos)))
    assert FitConfig().differences(with_exam) == []
    assert FitConfig.from_table(with_exam.to_table()) == with_exam
    table = with_exam.to_table()
    del table["exam"]
    assert FitConfig.from_table(table) == FitConfig(), "checkpoints of before have no exam"


def test_logs_of_before_stay_readable(examined_run: Path, tmp_path: Path) -> None:
    rows = read_rows(examined_run / "log.csv")
    old = [name for name in rows[0] if not name.startswith("exam")]
    with (tmp_path / "log.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, old, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in rows if "exam" not in row["split"])
    done = CliRunner().invoke(main, ["plot", str(tmp_path), str(examined_run), "-o", str(tmp_path / "curves.png")])
    assert done.exit_code == 0, done.output
    assert len(read_rows(tmp_path / "log.csv")) == sum("exam" not in row["split"] for row in rows)


def test_no_score_of_an_exam_chooses_a_checkpoint(shards: Path) -> None:
    reason = "the exam never chooses a checkpoint"
    with pytest.raises(ConfigError, match=reason):
        dataclasses.replace(quick_config(), best="exam_mask_iou_img")
    done = CliRunner().invoke(main, ["fit", str(shards), "--best", "exam_mask_iou", "--dry-run"])
    assert done.exit_code == 2
    assert reason in str(done.exception) + done.output


def test_a_bad_exam_is_refused_before_anything_is_written(shards: Path, tmp_path: Path) -> None:
    write_mask(tmp_path / "photos" / "a.mask.png", disc())
    with pytest.raises(SourceError, match="a.mask.png: has no picture"):
        fit(shards, quick_config(exam={"photos": str(tmp_path / "photos")}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_plan_names_the_exam(shards: Path, photos: Path, tmp_path: Path) -> None:
    plan = plan_fit(shards, quick_config(exam={"photos": str(photos)}), out=tmp_path / "run")
    assert f"exam      3 pictures of {photos}, after each epoch; they choose nothing" in str(plan)
