"""The commands that read a dataset: what they print, and their exit status."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fgbg_data import stats
from fgbg_data.cli import main
from fgbg_data.dataset.manifest import MANIFEST, Manifest


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_info_prints_counts_and_options_as_text_or_json(dataset: Path, copy: Path) -> None:
    text = run("info", dataset).stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0].startswith(f"{dataset}: 48 samples as tar and hdf5, ")
    assert lines[0].endswith("(complete)")
    assert {"split samples shards backgrounds foregrounds", "train 24 3 2 3", "val 12 2 1 3"} <= set(lines)
    assert {"field type size made", "image uint8 48 x 48 x 3", "depth uint16 48 x 48 inferred by fake"} <= set(lines)
    assert " size=48x48 " in text
    assert lines[-1] == f"fingerprint: {Manifest.read(dataset).fingerprint}"
    about = json.loads(run("info", dataset, "--json").stdout)
    assert list(about["splits"]) == ["train", "val", "test"]
    assert (about["samples"], about["splits"]["test"]["samples"], about["estimator"]["name"]) == (48, 12, "fake")
    (copy / MANIFEST).unlink()
    assert "48 samples as hdf5 and tar (without dataset.json)" in run("info", copy).stdout


def test_info_says_that_a_build_is_not_finished(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"complete": False, "shards": [], "statistics": {}}))
    for lost in ("train/fgbg-train-000001", "val/fgbg-val-000000", "val/fgbg-val-000001"):
        (copy / f"{lost}.json").unlink()
    result = run("info", copy)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0] == f"{copy}: 28 of 48 samples as tar and hdf5 (the build is not finished)"
    assert {"train 16 of 24 2 of 3 2 3", "val 0 of 12 0 of 2 1 3", "test 12 of 12 2 of 2 1 3"} <= set(lines)
    about = json.loads(run("info", copy, "--json").stdout)
    assert (about["samples"], about["planned_samples"]) == (28, 48)
    assert about["splits"]["train"] | {"backgrounds": 2, "foregrounds": 3} == {
        "samples": 16,
        "planned_samples": 24,
        "shards": 2,
        "planned_shards": 3,
        "backgrounds": 2,
        "foregrounds": 3,
    }


def test_stats_prints_the_same_from_records_and_from_pixels(dataset: Path) -> None:
    result = run("stats", dataset, "--format", "tar")
    assert result.exit_code == 0
    assert "48 x 48 x 3" in result.stdout
    assert run("stats", dataset, "--format", "tar", "--recompute", "-j", 1).stdout == result.stdout


def test_stats_prints_json_with_all_digits(dataset: Path) -> None:
    rows = json.loads(run("stats", dataset, "--json").stdout)
    assert [row["name"] for row in rows] == ["image", "mask", "depth", "meta"]
    assert rows[0] == dataclasses.asdict(stats(dataset)[0]) | {"shape": [48, 48, 3]}


def test_verify_ends_with_status_0_or_1(dataset: Path, copy: Path, pictures: Path) -> None:
    result = run("verify", dataset, "-j", 1, "--rerender", 2, "--bg", pictures / "bg", "--fg", pictures / "fg")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(
        "48 samples in 7 shards: OK, no problems found (2 samples rendered again, identical)\n"
    )
    assert run("verify", dataset, "-j", 1).stdout.endswith("48 samples in 7 shards: OK, no problems found\n")
    assert "48 samples in 7 shards: OK, records and sizes agree\n" in run("verify", dataset, "-j", 1, "--quick").stdout
    (copy / "val/fgbg-val-000000.tar").write_bytes(b"short")
    result = run("verify", copy, "-j", 1)
    assert result.exit_code == 1
    assert "val/fgbg-val-000000.tar: is 5 bytes, the record says" in result.stdout
    assert "to mend it: fgbg-data verify --discard-bad, then the same fgbg-data build command" in result.stdout
    result = run("verify", copy, "-j", 1, "--condemn")  # the old spelling of --discard-bad
    assert result.exit_code == 1
    assert f"removed the record {copy / 'val/fgbg-val-000000.json'}" in result.stdout
    assert "it makes these shards again" in result.stdout


def test_verify_offers_no_command_that_cannot_mend_shards_of_others(copy: Path) -> None:
    path = copy / "val/fgbg-val-000000.tar"
    path.write_bytes(path.read_bytes()[:5000])
    for other in (*copy.glob("*.json"), *copy.rglob("fgbg-*.json"), *copy.rglob("*.h5")):
        other.unlink()
    result = run("verify", copy, "-j", 1)
    assert result.exit_code == 1
    assert "no command can make these shards again without dataset.json: copy them again" in result.stdout
    assert "--discard-bad" not in result.stdout


def test_preview_writes_a_sheet_and_prints_its_path(dataset: Path, tmp_path: Path) -> None:
    result = run("preview", dataset, "-o", tmp_path / "sheet.png", "-n", 2, "--split", "val")
    assert result.stdout == f"look at {tmp_path / 'sheet.png'}\n"
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.parametrize("command", ["info", "stats", "verify", "preview"])
def test_mistakes_end_in_one_line_and_status_2(command: str, tmp_path: Path) -> None:
    result = run(command, tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    missing = "there is no such folder; expected one that holds a dataset"
    assert result.stderr == f"fgbg-data: {tmp_path / 'nowhere'}: {missing}\n"
