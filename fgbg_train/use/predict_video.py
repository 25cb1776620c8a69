"""Predicts the frames of a video or a camera, and writes a video with image, mask and depth side by side."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fgbg_data.drawing.colours import outlined
from fgbg_data.errors import SourceError, option
from fgbg_data.options import at_least
from fgbg_data.runtime.files import write_whole
from fgbg_data.runtime.progress import Progress, activity, reporter
from fgbg_train.config import Device
from fgbg_train.errors import ConfigError, DataError
from fgbg_train.measure.picture import Picture, Plane, shrunk
from fgbg_train.run.panels import depth_picture, grey
from fgbg_train.settings import checked_path
from fgbg_train.use.predict import open_predictor

VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")
"""Files with these suffixes are taken for videos."""
SIDE_PX = 480
"""Largest height of a frame in the written video; larger frames are shrunk."""
CAMERA_FPS = 15.0
"""Frame rate of the written video, in frames per second, if a camera or file states no rate that can be true."""


def is_video(source: str | Path) -> bool:
    """Return whether predict takes this for a video or a camera, and not for a picture.

    >>> is_video("clip.MP4"), is_video("0"), is_video("photos")
    (True, True, False)
    """
    text = str(source)
    return text.isdigit() or text.lower().endswith(VIDEOS)


def predict_video(
    checkpoint: Path | str,
    video: Path | str,
    *,
    out: Path | str,
    size_px: int | None = None,
    smooth: float = 0.0,
    frames: int | None = None,
    device: Device = "auto",
    progress: Progress = None,
) -> Path:
    """Predict every frame of a video, and write NAME.preview.mp4: image with the outline of the mask, mask, depth.

    >>> predict_video("runs/demo", "clip.mp4", out="predicted/", smooth=0.6)  # doctest: +SKIP
    PosixPath('predicted/clip.preview.mp4')

    Args:
        checkpoint: as for `predict`.
        video: a video file, or the number of a camera, such as "0".
        out: folder for the result.
        size_px: shorter side of the images that the networks see, in pixels; None is that of the training.
        smooth: the share of the frames before in each prediction, in [0, 1): v = smooth x v + (1 - smooth) x new.
            0 predicts every frame alone; 0.6 takes away most of the flicker.
        frames: stop after this many frames; None goes on to the end of a file, or with a camera until Ctrl-C.
        device: where to compute; `auto` takes a GPU if there is one.
        progress: how progress is shown; see `fgbg_data.runtime.progress`.

    Returns:
        The path of the written video.

    Raises:
        FgbgError: the video cannot be read, the result exists already, or the checkpoint cannot be used.
    """
    if not 0 <= smooth < 1:
        raise ConfigError(f"{option('smooth', smooth)}: expected a share of at least 0 and below 1")
    for name, value in (("size_px", size_px), ("frames", frames)):
        if value is not None:
            at_least(name, value, 1)
    is_camera = str(video).isdigit()
    target = checked_path("out", out) / f"{f'camera{video}' if is_camera else Path(video).stem}.preview.mp4"
    if target.exists():
        raise DataError(f"exists already; choose another {option('out')}", where=target)
    with _opened(video) as (capture, fps, total):
        predict_one = open_predictor(checkpoint, size_px, device)
        shown = reporter(progress)
        average = _Average(smooth)
        expected = min(total, frames) if total and frames else total or frames
        with (
            write_whole(target) as temporary,
            _Writer(temporary, fps) as writer,
            activity(shown, "predict", expected, "frames"),
            contextlib.suppress(KeyboardInterrupt) if is_camera else contextlib.nullcontext(),
        ):
            for image in _frames(capture, frames):
                mask, depth = average.update(*predict_one(image))
                writer.write(side_by_side(image, mask, depth))
                shown.update(writer.count)
            if not writer.count:
                raise SourceError("holds no frame that can be decoded", where=video)
    return target


def side_by_side(image: Picture, mask: Plane | None, depth: Plane | None) -> Picture:
    """Return one frame: the image with the outline of the mask, the mask, and the depth, as far as they exist."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE_PX / height)
    size = max(2, round(height * scale) // 2 * 2), max(2, round(width * scale) // 2 * 2)  # codecs want even sides
    cells = [image if mask is None else outlined(image, (mask >= 0.5).astype(np.uint8))]
    cells += [] if mask is None else [grey(mask)]
    cells += [] if depth is None else [depth_picture(depth)]
    return np.concatenate([shrunk(cell, size) for cell in cells], axis=1)


class _Average:
    """The exponential average of predictions over frames."""

    def __init__(self, smooth: float) -> None:
        self._smooth = np.float32(smooth)
        self._before: tuple[Plane | None, ...] = (None, None)

    def update(self, *new: Plane | None) -> tuple[Plane | None, ...]:
        """Return mask and depth, averaged with those before."""
        self._before = tuple(
            each if each is None or before is None else self._smooth * before + (1 - self._smooth) * each
            for each, before in zip(new, self._before, strict=True)
        )
        return self._before


class _Writer:
    """A video file, opened when the first frame gives its size."""

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._video: Any = None
        self.count = 0
        """Number of frames that were written."""

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._video is not None:
            self._video.release()
            self._named().replace(self._path)

    def _named(self) -> Path:
        """Return the path under which OpenCV writes, because it chooses the container by the suffix."""
        return self._path.with_name(f"{self._path.name}.mp4")

    def write(self, frame: Picture) -> None:
        """Write one frame."""
        import cv2

        if self._video is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._video = cv2.VideoWriter(str(self._named()), code, self._fps, (frame.shape[1], frame.shape[0]))
            if not self._video.isOpened():
                raise DataError("OpenCV cannot write a video here", where=self._path)
        self._video.write(np.ascontiguousarray(frame[..., ::-1]))
        self.count += 1


@contextlib.contextmanager
def _opened(video: Path | str) -> Iterator[tuple[Any, float, int | None]]:
    """Open a video or a camera; yield it with its frame rate, and its number of frames if that is known."""
    import cv2

    camera = str(video).isdigit()
    if not camera and not Path(video).is_file():
        raise SourceError("there is no such file", where=video)
    capture = cv2.VideoCapture(int(str(video)) if camera else str(video))
    try:
        if not capture.isOpened():
            raise SourceError(
                "cannot be opened: no such camera" if camera else "is no video that OpenCV can read",
                where=f"camera {video}" if camera else video,
            )
        fps, total = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        yield capture, fps if 1 <= fps <= 240 else CAMERA_FPS, total if total > 0 and not camera else None
    finally:
        capture.release()


def _frames(capture: Any, limit: int | None) -> Iterator[Picture]:
    """Yield the frames as (H, W, 3) uint8 RGB."""
    count = 0
    while limit is None or count < limit:
        good, frame = capture.read()
        if not good:
            return
        count += 1
        yield np.ascontiguousarray(frame[..., ::-1])
