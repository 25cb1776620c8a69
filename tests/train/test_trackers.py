"""Trackers get what log.csv gets, go on with the same run, and never change or end the training."""

import importlib.util
import json
import signal
import sqlite3
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.progress import PressesCtrlC
from helpers.training import differing_weights, quick_config
from lightning_fabric.loggers.logger import Logger
from PIL import Image

from fgbg_data.errors import FgbgWarning
from fgbg_train import FitConfig, Stopped, fit, plan_fit
from fgbg_train.errors import ConfigError, TrainError
from fgbg_train.run.log import RunLog, read_rows
from fgbg_train.run.trackers import TRACKERS, Tracker, Trackers, open_trackers

STEPS = [4, 8, 12]
"""The steps at which the epochs of a quick run end."""


class Keeping(Logger):
    """A logger that keeps what it gets."""

    def __init__(self) -> None:
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.settings: dict[str, Any] = {}
        self.pictures: list[tuple[int, str]] = []
        self.ends: list[str] = []

    @property
    def name(self) -> str:
        return "keeping"

    @property
    def version(self) -> str:
        return "1"

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step, metrics))

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        assert isinstance(params, dict)
        self.settings = params

    def log_image(self, key: str, images: list[str], step: int) -> None:
        assert key == "samples"
        self.pictures += [(step, image) for image in images]

    def finalize(self, status: str) -> None:
        self.ends.append(status)


class LosesItsNetwork(Keeping):
    """A logger that fails from its second row on."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        super().log_metrics(metrics, step)
        if len(self.rows) > 1:
            raise ConnectionError("no route to the server\nsecond line")


def test_a_logger_gets_every_row_and_one_that_fails_warns_once_and_the_weights_are_the_same_to_the_bit(
    shards: Path, finished_run: Path, tmp_path: Path
) -> None:
    keeping, failing = Keeping(), LosesItsNetwork()
    with pytest.warns(FgbgWarning) as warned:
        run = fit(shards, quick_config(log="csv"), out=tmp_path / "run", loggers=[failing, keeping])
    assert [str(w.message) for w in warned] == [
        "logger 1 (LosesItsNetwork) failed (no route to the server), and gets nothing more until the run is resumed; "
        "the run goes on, and log.csv holds every row"
    ]
    assert len(failing.rows) == 2
    assert failing.ends == []

    assert differing_weights(run / "last.ckpt", finished_run / "last.ckpt") == []
    assert differing_weights(run / "best.ckpt", finished_run / "best.ckpt") == []
    assert not (run / "tensorboard").exists()
    assert not (run / "trackers.json").exists()

    rows = read_rows(run / "log.csv")
    assert [step for step, _ in keeping.rows] == [int(row["step"]) for row in rows]
    for row, (_, numbers) in zip(rows, keeping.rows, strict=True):
        kept = {f"{row['split']}/{k}": float(v) for k, v in row.items() if v and k not in ("step", "split")}
        assert numbers == kept
    assert keeping.rows[0][1].keys() >= {"train/lr", "train/size_px", "train/epoch", "train/loss"}
    assert keeping.pictures == [(s, str(run / f"samples/epoch_{e:03d}.png")) for e, s in enumerate(STEPS, start=1)]
    assert keeping.settings["model.mask_net"] == "light:test_efficientnet"
    assert keeping.settings["data"] == str(shards)
    assert keeping.ends == ["success"]


@pytest.mark.parametrize(("error", "status"), [(Stopped(1, 2), "aborted"), (TrainError("x"), "failed")])
def test_a_run_that_ends_early_is_ended_in_its_trackers(error: Exception, status: str, tmp_path: Path) -> None:
    keeping = Keeping()
    with pytest.raises(type(error)), RunLog(tmp_path, 0, Trackers({"keeping": keeping})):
        raise error
    assert keeping.ends == [status]


def test_tensorboard_gets_pictures_and_the_configuration_too(finished_run: Path) -> None:
    events = b"".join(path.read_bytes() for path in (finished_run / "tensorboard").iterdir())
    for part in (b"samples", b"\x89PNG", b"configuration", b"| model.mask_net | light:test_efficientnet |"):
        assert part in events


class Own(Tracker, Keeping):
    """A tracker that gives a new run the id `first`, and that cannot start in a folder with the name `refused`."""

    def __init__(self, folder: Path, run_id: str | None) -> None:
        Keeping.__init__(self)
        if folder.name == "refused":
            raise ConnectionError("not logged in")
        self.found = run_id
        self.run_id = run_id or "first"


def test_the_id_of_a_run_is_kept_in_its_folder_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRACKERS, "own", Own)
    found = []
    for step in (0, 4):
        tracker = open_trackers(["own"], tmp_path, step)["own"]
        assert isinstance(tracker, Own)
        found.append(tracker.found)
    assert found == [None, "first"]
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"own": "first"}


def test_a_tracker_that_cannot_start_refuses_a_new_run_and_is_left_out_of_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRACKERS, "own", Own)
    with pytest.raises(TrainError, match=r"^log='own': cannot start: not logged in$"):
        open_trackers(["own"], tmp_path / "refused", 0)
    with pytest.warns(FgbgWarning, match="own failed"):
        assert open_trackers(["own"], tmp_path / "refused", 4) == {}


def test_trackers_that_have_started_are_ended_if_a_later_one_refuses_a_new_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = Keeping()
    monkeypatch.setitem(TRACKERS, "first", lambda folder, run_id: keeping)
    monkeypatch.setattr(keeping, "run_id", "first", raising=False)
    monkeypatch.setitem(TRACKERS, "own", Own)
    with pytest.raises(TrainError, match="own"):
        open_trackers(["first", "own"], tmp_path / "refused", 0)
    assert keeping.ends == ["failed"]


def test_a_missing_package_is_refused_before_anything_is_written(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it was not installed
    with pytest.raises(
        ConfigError, match=r"^log='wandb': needs wandb, which is not installed: pip install 'fgbg\[wandb\]'$"
    ):
        plan_fit(shards, quick_config(log="csv,wandb"), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_names_of_trackers_are_checked_and_csv_is_always_there() -> None:
    assert FitConfig().trackers == FitConfig(log="tensorboard").trackers == ("tensorboard",)
    assert FitConfig(log="csv").trackers == ()
    assert FitConfig(log="wandb, mlflow,wandb").trackers == ("wandb", "mlflow")
    with pytest.raises(ConfigError, match=r"log='wandbb'.*wandb"):
        FitConfig(log="csv,wandbb")
    assert FitConfig(log="csv").differences(FitConfig()) == []  # a run may be resumed with other trackers


def read_wandb(run: Path, run_id: str) -> None:
    folders = sorted((run / "wandb").glob(f"offline-run-*-{run_id}"))
    assert len(folders) == 2  # the run was stopped once, and `wandb sync` joins what has one id
    first, last = (b"".join(path.read_bytes() for path in folder.glob("*.wandb")) for folder in folders)
    assert b"train/lr" in first
    assert b"light:test_efficientnet" in first
    assert b"test/rmse" in last
    assert len(list((run / "wandb").glob("offline-run-*/files/media/images/*.png"))) == 3


def read_mlflow(run: Path, run_id: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient()
    found = client.get_run(run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == run.name
    assert found.data.params["model.mask_net"] == "light:test_efficientnet"
    logged = client.get_metric_history(run_id, "val/mask_iou")
    rows = [row for row in read_rows(run / "log.csv") if row["split"] == "val"]
    assert [(m.step, m.value) for m in logged] == [(int(row["step"]), float(row["mask_iou"])) for row in rows]
    assert len(client.list_artifacts(run_id, "samples")) == 3


def read_trackio(run: Path, run_id: str) -> None:
    import trackio.utils

    with sqlite3.connect(Path(trackio.utils.TRACKIO_DIR) / "fgbg.db") as database:
        found = database.execute("select step, metrics from metrics where run_name = ? order by id", (run_id,))
        logged = [(step, json.loads(numbers)) for step, numbers in found]
        configs = database.execute("select config from configs where run_name = ?", (run_id,)).fetchall()
    rows = [row for row in read_rows(run / "log.csv") if row["split"] == "val"]
    values = [(step, numbers["val/mask_iou"]) for step, numbers in logged if "val/mask_iou" in numbers]
    assert values == [(int(row["step"]), float(row["mask_iou"])) for row in rows]
    pictures = [Image.open(path) for path in trackio.utils.MEDIA_DIR.rglob(f"{run_id}/*/*.png")]
    assert len(pictures) == 3
    assert b"light:test_efficientnet" in configs[0][0]


@pytest.mark.filterwarnings("ignore")  # packages of others, and what they leave open
@pytest.mark.parametrize(
    ("name", "needed", "read", "settings"),
    [
        ("wandb", "wandb", read_wandb, {"WANDB_MODE": "offline"}),
        ("mlflow", "mlflow", read_mlflow, {"MLFLOW_TRACKING_URI": "file:FOLDER", "MLFLOW_ALLOW_FILE_STORE": "true"}),
        ("mlflow", "sqlalchemy", read_mlflow, {"MLFLOW_TRACKING_URI": "sqlite:///FOLDER.db"}),
        ("trackio", "trackio", read_trackio, {"TRACKIO_DIR": "FOLDER"}),
    ],
    ids=["wandb", "mlflow-file", "mlflow-sqlite", "trackio"],
)
def test_a_tracker_on_this_machine_goes_on_with_the_run_that_was_stopped(
    name: str,
    needed: str,
    read: Callable[[Path, str], None],
    settings: dict[str, str],
    shards: Path,
    finished_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in (name, needed):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install {package}")
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts of a database beside it, in the working folder
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value.replace("FOLDER", str(tmp_path / "tracker")))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in a shell's background, which ignores it
    config, run = quick_config(log=name, save_minutes=1000.0), tmp_path / "run"
    with pytest.raises(Stopped):
        fit(shards, config, out=run, progress=PressesCtrlC(4))
    ids = json.loads((run / "trackers.json").read_text())
    fit(shards, config, out=run)
    assert json.loads((run / "trackers.json").read_text()) == ids
    assert differing_weights(run / "last.ckpt", finished_run / "last.ckpt") == []
    read(run, ids[name])
