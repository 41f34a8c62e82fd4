"""Scores of pairs of images: how near image i of one array is to image i of another."""

import functools

import numpy as np
from numpy.typing import ArrayLike

from tfgen.data.checks import check_field
from tfgen.errors import UserError

WINDOW, SIGMA = 11, 1.5  # pixels of SSIM's Gaussian window, and its standard deviation: Wang et al. 2004, section III.C
STABILIZERS = (0.01**2, 0.03**2)  # (K1 L)^2 and (K2 L)^2 for the range L = 1, ibid.
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents of the five scales: Wang et al. 2003, section 3.2
_CHUNK = 1 << 22  # values that are looked at together


def mean_absolute_error(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the mean |a - b| of every pair, float64 [N], in units of [0, 1].

    Args:
        a: images [N, H, W, C], uint8 or float in [0, 1].
        b: images of the same shape.

    Raises:
        UserError: the shapes differ, or one is not of images.
    """
    return _by_chunks(a, b, lambda x, y: np.abs(x - y).mean(axis=(1, 2, 3)))


def peak_signal_to_noise(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns 10 log10(1 / E[(a - b)^2]) of every pair, float64 [N] in dB, infinite where both are equal.

    Arguments and errors as in `mean_absolute_error`.
    """

    def measure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return -10.0 * np.log10(np.square(x - y).mean(axis=(1, 2, 3)))

    return _by_chunks(a, b, measure)


def structural_similarity(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the SSIM of every pair, float64 [N], at most 1 (Wang et al. 2004, equation 13).

    A Gaussian window of 11 pixels, inside of the image only, and the mean over its places and channels, as in
    `tf.image.ssim`; of smaller images, the window has their size. Arguments and errors as in `mean_absolute_error`.
    """
    return _by_chunks(a, b, lambda x, y: _ssim(x, y)[0].mean(axis=1))


def multiscale_structural_similarity(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the multi-scale SSIM of every pair, float64 [N], in [0, 1] (Wang et al. 2003, equation 7).

    Five scales, as in `tf.image.ssim_multiscale`; of images whose smallest scale would be below 11 pixels per side, as
    many as fit (`scales_of`), their exponents divided by their sum. Arguments and errors as in `mean_absolute_error`.
    """

    def measure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        exponents = np.array(SCALES[: scales_of(x.shape[1:3])])
        exponents /= exponents.sum()
        found = np.ones((len(x), x.shape[3]))
        for number, exponent in enumerate(exponents):
            whole, contrast = _ssim(x, y)
            value = whole if number == len(exponents) - 1 else contrast
            found *= np.maximum(value, 0.0) ** exponent
            x, y = _halved(x), _halved(y)
        return found.mean(axis=1)

    return _by_chunks(a, b, measure)


def scales_of(size: tuple[int, ...]) -> int:
    """Returns the number of scales, 1 to 5, of multi-scale SSIM for images of `size` (height, width)."""
    # halving rounds up
    return max(1, sum(-(-min(size) // 2**level) >= WINDOW for level in range(len(SCALES))))


def _by_chunks(a, b, measure):
    a, b = (np.asarray(check_field(name, images, "image", whole=False)) for name, images in (("a", a), ("b", b)))
    if a.shape != b.shape:
        raise UserError(f"a and b must be images of one shape, got {a.shape} and {b.shape}")
    step = max(1, _CHUNK // max(1, int(np.prod(a.shape[1:]))))
    parts = [measure(_unit(a[i : i + step]), _unit(b[i : i + step])) for i in range(0, len(a), step)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _unit(images):
    return images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)


def _ssim(x, y):
    """Returns (SSIM, its term of contrast and structure) of images float64 [N, H, W, C], means over places [N, C]."""
    rows, columns = (_window(side) for side in x.shape[1:3])
    x, y = (np.moveaxis(images, -1, 1) for images in (x, y))

    def blurred(images):
        return rows @ images @ columns.T

    mean_x, mean_y = blurred(x), blurred(y)
    between, within = blurred(x * y) - mean_x * mean_y, blurred(x * x + y * y) - mean_x**2 - mean_y**2
    c1, c2 = STABILIZERS
    contrast = (2.0 * between + c2) / (within + c2)
    luminance = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * contrast).mean(axis=(2, 3)), contrast.mean(axis=(2, 3))


@functools.cache
def _window(side):
    """Returns the matrix [side - 10, side] that averages by a Gaussian window along one axis."""
    size = min(WINDOW, side)
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / SIGMA) ** 2)
    matrix = np.zeros((side - size + 1, side))
    for row in range(len(matrix)):
        matrix[row, row : row + size] = weights / weights.sum()
    return matrix


def _halved(images):
    """Returns means of 2 x 2 pixels; an odd side is continued by its last row."""
    odd = [(0, 0), (0, images.shape[1] % 2), (0, images.shape[2] % 2), (0, 0)]
    images = np.pad(images, odd, mode="symmetric")
    shape = (len(images), images.shape[1] // 2, 2, images.shape[2] // 2, 2, images.shape[3])
    return images.reshape(shape).mean(axis=(2, 4))
