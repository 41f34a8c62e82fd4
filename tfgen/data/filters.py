"""What views make of pictures: edges, gray, reduced and masked ones, by NumPy and Pillow."""

import numpy as np
from PIL import Image

from tfgen.data.source import empty

# of a Sobel gradient, as shares of that of a step from black to white: an edge starts at a pixel above the second, and
# goes on through neighbours above the first (Canny 1986, hysteresis)
THRESHOLDS = (0.08, 0.2)
TAN = np.float32(np.tan(np.pi / 8))  # of the angle at which a gradient counts as level
HOLE = 128  # gray in the middle of a masked picture


def gray_of(images: np.ndarray) -> np.ndarray:
    """Returns images uint8 [N, H, W, C] in gray, [N, H, W, 1], by the weights of ITU-R 601, as Pillow does."""
    if images.shape[-1] == 1:
        return np.ascontiguousarray(images)
    weighted = images.astype(np.int64) @ np.array([19595, 38470, 7471], np.int64)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]


def edges_of(images: np.ndarray) -> np.ndarray:
    """Returns the edges of images uint8 [N, H, W, C], 255 on 0, [N, H, W, 1] (Canny 1986).

    Sobel gradients of the gray picture, thinned to their ridges, and hysteresis between two thresholds.
    """
    across, down = _sobel(gray_of(images)[..., 0].astype(np.float32) / 255.0)
    # of a step from black to white Sobel's masks give 4
    size = np.hypot(across, down) / 4.0
    ridges = np.where(_on_ridge(size, across, down), size, 0.0)
    lines, weak = ridges >= THRESHOLDS[1], ridges >= THRESHOLDS[0]
    growing = np.arange(len(lines))
    while len(growing):  # from strong pixels along weak ones, to the end of each line
        grown = weak[growing] & _with_neighbours(lines[growing])
        changed = (grown != lines[growing]).any(axis=(1, 2))
        lines[growing] = grown
        growing = growing[changed]
    return np.where(lines, 255, 0).astype(np.uint8)[..., None]


def centre_masked(images: np.ndarray) -> np.ndarray:
    """Returns images uint8 [N, H, W, C] whose middle, half of each side, is gray (Pathak et al. 2016)."""
    return np.where(centre_hole(images.shape[1:3]), np.uint8(HOLE), images)


def centre_hole(size: tuple[int, ...]) -> np.ndarray:
    """Returns bool [H, W, 1], true in the middle of pictures of (H, W, ...): half of each side."""
    height, width = size[:2]
    top, left = height // 4, width // 4
    hole = np.zeros((height, width, 1), bool)
    hole[top : top + height // 2, left : left + width // 2] = True
    return hole


def shrunk(images: np.ndarray, factor: int) -> np.ndarray:
    """Returns images uint8 [N, H, W, C] reduced by `factor`, bicubic and antialiased."""
    size = images.shape[1] // factor, images.shape[2] // factor
    made = empty((len(images), *size, images.shape[3]), np.uint8)
    for number, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        reduced = picture.resize((size[1], size[0]), Image.Resampling.BICUBIC)
        made[number] = np.asarray(reduced).reshape(made.shape[1:])
    return made


def halves_of(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the left and the right half of images [N, H, W, C], copies."""
    middle = images.shape[2] // 2
    return np.ascontiguousarray(images[:, :, :middle]), np.ascontiguousarray(images[:, :, middle:])


def _sobel(gray):
    """Returns the gradients to the right and downwards of images [N, H, W]; the border is repeated."""
    padded = np.pad(gray, ((0, 0), (1, 1), (1, 1)), mode="edge")
    height, width = gray.shape[1:]

    def at(y, x):
        return padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width]

    across = at(-1, 1) - at(-1, -1) + 2 * (at(0, 1) - at(0, -1)) + at(1, 1) - at(1, -1)
    down = at(1, -1) - at(-1, -1) + 2 * (at(1, 0) - at(-1, 0)) + at(1, 1) - at(-1, 1)
    return across, down


def _on_ridge(size, across, down):
    """Returns where a gradient is the largest along its own direction, to the nearest of four."""
    padded = np.pad(size, ((0, 0), (1, 1), (1, 1)))
    height, width = size.shape[1:]
    flat, steep = np.abs(down) <= TAN * np.abs(across), np.abs(across) < TAN * np.abs(down)
    rising = across * down > 0
    sectors = {(0, 1): flat, (1, 0): steep & ~flat, (1, 1): ~flat & ~steep & rising, (1, -1): ~flat & ~steep & ~rising}
    found = np.zeros(size.shape, bool)
    for (y, x), inside in sectors.items():
        before = padded[:, 1 - y : 1 - y + height, 1 - x : 1 - x + width]
        after = padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width]
        # of two equal neighbours one is taken: a line is one pixel wide
        found |= inside & (size > before) & (size >= after)
    return found


def _with_neighbours(marks):
    """Returns marks bool [N, H, W] with the eight neighbours of each."""
    wide = np.pad(marks, ((0, 0), (0, 0), (1, 1)))
    wide = wide[:, :, :-2] | wide[:, :, 1:-1] | wide[:, :, 2:]
    high = np.pad(wide, ((0, 0), (1, 1), (0, 0)))
    return high[:, :-2] | high[:, 1:-1] | high[:, 2:]
