"""`predict` on videos: every frame, side by side, in a file that players read."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from fgbg_data.errors import SourceError
from fgbg_train import predict_video
from fgbg_train.cli import main
from fgbg_train.errors import ConfigError
from fgbg_train.use.predict_video import _Average


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 64 x 48 px, at 10 frames a second."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for number in range(12):
        frame = np.full((48, 64, 3), 40, np.uint8)
        cv2.circle(frame, (10 + 4 * number, 24), 8, (0, 0, 255), -1)
        video.write(frame)
    video.release()
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = capture.read()
        if not good:
            capture.release()
            return frames
        frames.append(frame)


def test_every_frame_is_written_beside_its_mask_and_depth(finished_run: Path, clip: Path, tmp_path: Path) -> None:
    done = predict_video(finished_run, clip, out=tmp_path, smooth=0.5, device="cpu", progress=False)
    assert done == tmp_path / "clip.preview.mp4"
    frames = frames_of(done)
    assert len(frames) == 12
    assert frames[0].shape == (48, 3 * 64, 3)
    capture = cv2.VideoCapture(str(done))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    capture.release()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.preview.mp4"]


def test_the_command_takes_some_frames_and_overwrites_nothing(finished_run: Path, clip: Path, tmp_path: Path) -> None:
    words = ["predict", str(finished_run), str(clip), "--out", str(tmp_path), "--frames", "3", "--device", "cpu"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert f"look at {tmp_path / 'clip.preview.mp4'}" in done.output
    assert len(frames_of(tmp_path / "clip.preview.mp4")) == 3
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_what_cannot_be_predicted_leaves_nothing_behind(finished_run: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    out = tmp_path / "out"
    with pytest.raises(SourceError, match="is no video that OpenCV can read"):
        predict_video(finished_run, tmp_path / "text.mp4", out=out)
    with pytest.raises(SourceError, match="there is no such file"):
        predict_video(finished_run, tmp_path / "none.mp4", out=out)
    with pytest.raises(SourceError, match="camera 9: cannot be opened"):
        predict_video(finished_run, "9", out=out)
    with pytest.raises(ConfigError, match="smooth=1.0"):
        predict_video(finished_run, clip, out=out, smooth=1.0)
    assert not out.exists() or not list(out.iterdir())
    mixed = CliRunner().invoke(main, ["predict", str(finished_run), str(clip), "photo.jpg", "--out", str(out)])
    assert mixed.exit_code == 2
    assert "give them in two commands" in mixed.output


def test_smoothing_is_an_exponential_average() -> None:
    average = _Average(0.75)
    values = [average.update(np.full((1, 1), value, np.float32), None)[0] for value in (0.0, 1.0, 1.0)]
    assert [float(value[0, 0]) for value in values if value is not None] == [0.0, 0.25, 0.4375]
    assert _Average(0.0).update(None, None) == (None, None)
