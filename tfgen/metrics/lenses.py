"""Linear codes of images in which copies are seen through what is done to them: noise, moves, turns, blur, a patch.

A lens is two sets of pictures, whose products with an image are its code: one set for real images, and for samples one
or several sets, each of which undoes a change. A moved image's product with a picture is the image's product with the
picture moved back, so that no image is ever transformed. The pictures are principal components of training images at
low resolution, where noise is small; constants and the mean image are left out, so that the code of a copy with another
brightness and contrast is a multiple of that of its original, and a blend's code the blend of its originals' codes.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

SIDE = 16  # pixels per side, at most, of the images whose components are computed
COMPONENTS, OF_A_HALF = 64, 32
SHIFTS, ANGLES = (-3, -2, -1, 0, 1, 2, 3), (-12, -6, 6, 12)  # pixels; degrees
BLURS = (1.0, 2.0)  # standard deviations, in pixels
EVENED = 0.03
ROWS = 2_000  # images whose pixels are floats at once


@dataclasses.dataclass(frozen=True)
class Lens:
    """Pictures whose products with an image are its code.

    Attributes:
        real: for real images, float32 [K, H * W * C].
        fake: for samples, one set per change, float32 [V, K, H * W * C].
        usual: for real images in the samples' place; None: as samples.
    """

    real: np.ndarray
    fake: np.ndarray
    usual: np.ndarray | None = None

    def codes(self, images: np.ndarray) -> np.ndarray:
        """Returns the codes of real images uint8 [N, H, W, C], float32 [N, K]."""
        return products(images, self.real)

    def sample_codes(self, images: np.ndarray, usual: bool = False) -> np.ndarray:
        """Returns the codes of samples, or of real images in their place, uint8 [N, H, W, C]: float32 [N, V, K]."""
        pictures = self.usual if usual and self.usual is not None else self.fake
        changes, count, pixels = pictures.shape
        return products(images, pictures.reshape(-1, pixels)).reshape(len(images), changes, count)


def lenses(images: np.ndarray) -> dict[str, list[Lens]]:
    """Returns the lenses made from some training images uint8 [N, H, W, C].

    Returns:
        `even`: the image as it is, contours as loud as large areas; `moved`: up to 3 pixels, mirrored, or turned by up
        to 12 degrees; `parts`: one half each of four; `blurred`.
    """
    whole = components(images, COMPONENTS)
    flat = lambda pictures: pictures.reshape(*pictures.shape[:-3], -1)  # noqa: E731
    inner = components(images, COMPONENTS, interior(images.shape[1:3]))
    changes = [shifted(inner, y, x) for y, x in itertools.product(SHIFTS, SHIFTS)]
    changes += [inner[:, :, ::-1], *(turned(inner, angle) for angle in ANGLES)]
    even = components(images, COMPONENTS, evened=EVENED)
    halves = [components(images, OF_A_HALF, mask) for mask in half_masks(images.shape[1:3])]
    soft_ones = [centred(flat(blurred(whole, spread))) for spread in BLURS]
    return {
        "even": [Lens(flat(even), flat(even)[None])],
        "moved": [Lens(flat(inner), centred(flat(np.stack(changes))))],
        "parts": [Lens(flat(half), flat(half)[None]) for half in halves],
        # smooth images differ in fewer components, and their gaps are wider: so real ones are taken as smooth
        "blurred": [Lens(soft, flat(whole)[None], soft[None]) for soft in soft_ones],
    }


def components(images: np.ndarray, count: int, mask: np.ndarray | None = None, evened: float = np.inf) -> np.ndarray:
    """Returns principal components without constants and the mean image, as pictures float32 [K, H, W, C], K <= count.

    Args:
        images: uint8 [N, H, W, C].
        count: of components.
        mask: pixels that count, bool [H, W]; None for all.
        evened: where finite, components are divided by the root of their variance, relative to the largest, plus this.
    """
    height, width, channels = images.shape[1:]
    factor = -(-max(height, width) // SIDE)
    small = thumbnails(images, factor)
    inside = np.ones(small.shape[1:3]) if mask is None else thumbnails(mask[None, ..., None], factor)[0, ..., 0] > 0.5
    weights = np.repeat(inside.ravel(), channels).astype(np.float32)
    rows = small.reshape(len(small), -1) * weights
    fixed, _ = np.linalg.qr(np.stack([weights, rows.mean(axis=0)], axis=1))
    rows = rows - (rows @ fixed) @ fixed.T
    values, vectors = np.linalg.eigh(rows.T @ rows)
    some = values > 1e-6 * max(values[-1], 1e-12)
    kept, values = vectors[:, some][:, ::-1][:, :count], values[some][::-1][:count]
    if np.isfinite(evened):
        kept = kept / np.sqrt(values / values[:1].sum() + evened)
    pictures = kept.T.reshape(-1, *small.shape[1:]).repeat(factor, axis=1).repeat(factor, axis=2) / factor**2
    return pictures[:, :height, :width].astype(np.float32)


def thumbnails(images: np.ndarray, factor: int) -> np.ndarray:
    """Returns the means over squares of `factor` pixels per side, float32 [N, h, w, C], edges repeated."""
    count, height, width, channels = images.shape
    down, right = -height % factor, -width % factor
    padded = np.pad(images, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge")
    squares = padded.reshape(count, (height + down) // factor, factor, (width + right) // factor, factor, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32)


def interior(shape: tuple[int, int]) -> np.ndarray:
    """Returns the pixels, bool [H, W], that lie inside after every shift: moved copies lose their borders."""
    border = min(max(SHIFTS), min(shape) // 8)
    mask = np.zeros(shape, bool)
    mask[border : shape[0] - border, border : shape[1] - border] = True
    return mask


def half_masks(shape: tuple[int, int]) -> list[np.ndarray]:
    """Returns the upper, lower, left and right half as masks bool [H, W]."""
    height, width = shape
    y, x = np.indices(shape)
    return [y < height / 2, y >= height / 2, x < width / 2, x >= width / 2]


def shifted(pictures: np.ndarray, down: int, right: int) -> np.ndarray:
    """Returns pictures [K, H, W, C] moved by whole pixels; zeros come in."""
    height, width = pictures.shape[1:3]
    padded = np.pad(pictures, ((0, 0), (abs(down),) * 2, (abs(right),) * 2, (0, 0)))
    top, left = abs(down) - down, abs(right) - right
    return padded[:, top : top + height, left : left + width]


def turned(pictures: np.ndarray, degrees: float) -> np.ndarray:
    """Returns pictures [K, H, W, C] turned about their centre, bilinear; edges repeated."""
    height, width = pictures.shape[1:3]
    angle, centre = np.deg2rad(degrees), ((height - 1) / 2, (width - 1) / 2)
    y, x = (axis - c for axis, c in zip(np.indices((height, width)), centre))
    source = np.cos(angle) * y - np.sin(angle) * x + centre[0], np.sin(angle) * y + np.cos(angle) * x + centre[1]
    total = np.zeros_like(pictures)
    for corner in itertools.product((0, 1), (0, 1)):
        weight = np.ones((height, width), np.float32)
        place = []
        for position, step, size in zip(source, corner, (height, width)):
            low = np.floor(position)
            weight *= np.where(step, position - low, 1 - (position - low))
            place.append(np.clip(low + step, 0, size - 1).astype(int))
        total += weight[..., None] * pictures[:, place[0], place[1]]
    return total


def blurred(pictures: np.ndarray, spread: float) -> np.ndarray:
    """Returns pictures [K, H, W, C] after a Gaussian filter with a standard deviation in pixels."""
    reach = int(np.ceil(2.5 * spread))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    steps = [(step, float(weight)) for step, weight in zip(range(-reach, reach + 1), weights / weights.sum())]
    rows = np.sum([weight * shifted(pictures, step, 0) for step, weight in steps], axis=0)
    return np.sum([weight * shifted(rows, 0, step) for step, weight in steps], axis=0)


def centred(flat: np.ndarray) -> np.ndarray:
    """Returns pictures [..., H * W * C] without their means: constants have the code 0 again."""
    return flat - flat.mean(axis=-1, keepdims=True)


def products(images: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Returns the products of images uint8 [N, H, W, C] with pictures [K, H * W * C], float32 [N, K]."""
    rows = images.reshape(len(images), -1)
    starts = range(0, len(rows), ROWS)
    return np.concatenate([rows[start : start + ROWS].astype(np.float32) @ pictures.T for start in starts])
