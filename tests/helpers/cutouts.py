"""Cut-outs and backgrounds as arrays, for tests of the functions that change pixels."""

import contextlib
import hashlib
from collections.abc import Iterator

import cv2
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw


def premultiplied(height: int, width: int) -> st.SearchStrategy[np.ndarray]:
    """Any premultiplied cut-out of this size."""
    return arrays(np.uint8, (height, width, 4)).map(lambda pixels: np.minimum(pixels, pixels[..., 3:]))


def bird(times: int = 1) -> np.ndarray:
    """A cut-out of 44 x 60 px with a body, a thin leg and a half transparent wing, enlarged by a whole factor."""
    picture = Image.new("RGBA", (60, 44), (255, 0, 255, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((6, 4, 40, 34), fill=(230, 180, 40, 255))
    pen.polygon([(30, 12), (58, 6), (44, 30)], fill=(30, 90, 200, 140))
    pen.line((22, 30, 22, 43), fill=(20, 20, 20, 255), width=1)
    return _enlarged(np.asarray(picture.convert("RGBa")), times)


def meadow(times: int = 1) -> np.ndarray:
    """A background of 64 x 80 px in which every pixel differs from its neighbours, enlarged by a whole factor."""
    ramp = np.mgrid[:64, :80].sum(0).astype(np.uint8)
    return _enlarged(np.stack([ramp, 255 - ramp, ramp * 3], -1), times)


def _enlarged(pixels: np.ndarray, times: int) -> np.ndarray:
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def digest(*arrays_: np.ndarray) -> str:
    """A short text that stands for the shapes and values of arrays."""
    hashed = hashlib.blake2b(digest_size=8)
    for array in arrays_:
        hashed.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return hashed.hexdigest()


@contextlib.contextmanager
def opencv_threads(number: int) -> Iterator[None]:
    """Let OpenCV compute with this number of threads for a while."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
