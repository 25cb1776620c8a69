"""Arithmetic on 8-bit pixels that gives the same integers on every machine.

OpenCV computes some of it in floats. Three arguments show that the results are still the same. Float32 holds every
integer below 2**24 exactly, so sums and products below it are exact in any order. A quotient of integers by an odd
number d is never closer than 1 / (2 d) to a tie, and for results up to 255 and d up to 10,000 the error of float32 is
smaller than that. Sums of 8-bit pixels over at most 257 pixels fit in 16 bits.
"""

from fgbg_data.sample import Array

MAX_RADIUS = 7
"""Largest radius of a box mean: a square of 15 x 15 pixels, whose sum fits in 16 bits."""


def weigh(pixels: Array, weight: Array) -> Array:
    """Return round(pixels * weight / 255). The quotient is never a half, because 255 is odd.

    Args:
        pixels: (h, w, 3) or (h, w, 4) uint8.
        weight: (h, w) uint8, 0 to 255.

    Returns:
        uint8 of the shape of `pixels`.
    """
    import cv2

    return cv2.multiply(pixels, cv2.merge([weight] * pixels.shape[2]), scale=1 / 255)


def box_mean(pixels: Array, radius: int) -> Array:
    """Return the rounded mean over a square around each pixel. Pixels outside the array count as 0.

    Args:
        pixels: (h, w) or (h, w, channels) uint8.
        radius: the square has 2 * radius + 1 pixels a side; 1 to `MAX_RADIUS`.
    """
    import cv2

    side = 2 * radius + 1
    sums = cv2.boxFilter(pixels, cv2.CV_16U, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return cv2.convertScaleAbs(sums, alpha=1 / side**2)


def moments(pixels: Array, mask: Array | None = None) -> tuple[int, list[int], list[int]]:
    """Return the number of pixels, and for red, green and blue the sum and the sum of squares, as exact integers.

    OpenCV gives the mean and the standard deviation in float64. Both sums are integers below 2**40, so they are found
    again by rounding: float64 errs by less than a millionth of one.

    Args:
        pixels: (h, w, 3) or (h, w, 4) uint8, fewer than 2**24 pixels. A fourth channel is left out.
        mask: (h, w) uint8: pixels where it is 0 do not count. None counts all pixels.
    """
    import cv2

    num = pixels.shape[0] * pixels.shape[1] if mask is None else cv2.countNonZero(mask)
    mean, deviation = cv2.meanStdDev(pixels, mask=mask)
    means, deviations = mean.ravel().tolist()[:3], deviation.ravel().tolist()[:3]
    squares = [round((m * m + s * s) * num) for m, s in zip(means, deviations, strict=True)]
    return num, [round(m * num) for m in means], squares


def straight(cutout: Array) -> Array:
    """Return a premultiplied cut-out, (h, w, 4) uint8, with straight colours: (255 * colour + alpha // 2) // alpha.

    Transparent pixels become black. `premultiply` gives the cut-out back without a change.
    """
    import cv2

    return cv2.cvtColor(cutout, cv2.COLOR_mRGBA2RGBA)


def premultiply(cutout: Array) -> Array:
    """Return a cut-out of straight colours, (h, w, 4) uint8, with colours multiplied by alpha / 255 and rounded."""
    import cv2

    return cv2.cvtColor(cutout, cv2.COLOR_RGBA2mRGBA)
