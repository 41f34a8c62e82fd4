"""Drawings with known factors, for measures of disentanglement; after dSprites (Matthey et al. 2017).

Unlike in dSprites, angles cover a quarter turn only, after which a square looks the same: no two examples are equal.
"""

import hashlib

import numpy as np

from tfgen.data.source import Arrays, Field, Source, empty

NAMES = ("square", "ellipse", "heart")
SIDE = 32  # pixels per side of an image
PATCH = 21  # pixels per side of the part that a shape may cover; odd, so that the centres are symmetric in the image
SUPERSAMPLING = 8  # points per pixel and direction, for antialiased edges
FACTORS = {
    "shape": np.arange(len(NAMES)),
    "scale": np.linspace(0.5, 1.0, 5),  # relative to the largest
    "orientation": np.arange(8) * (np.pi / 2 / 8),  # radians, counter-clockwise
    "x": (np.arange(SIDE - PATCH + 1) + PATCH / 2) / SIDE,  # of the centre, from the left, in widths of the image
    "y": (np.arange(SIDE - PATCH + 1) + PATCH / 2) / SIDE,  # from the top, in heights of the image
}
TEST_SHARE = 0.2


def shapes() -> Source:
    """17,280 drawings of known shape, scale, orientation and place, 32x32 grey, 3 classes"""
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*FACTORS.values(), indexing="ij")], axis=1)
    values = {"image": draw_all(), "label": grid[:, 0].astype(np.int64), "factors": grid.astype(np.float32)}
    fields = {
        "image": Field("image", (SIDE, SIDE, 1)),
        "label": Field("label", range=(0, len(NAMES))),
        "factors": Field("vector", (len(FACTORS),)),
    }
    order = np.random.RandomState(0).permutation(len(grid))  # its stream is the only one that NumPy never changes
    tests, every = round(TEST_SHARE * len(grid)), Arrays(values, fields)
    rows = {"train": np.sort(order[tests:]), "test": np.sort(order[:tests])}
    splits = {split: every.select(index) for split, index in rows.items()}
    provenance = {
        "source": "drawn by tfgen.data.shapes",
        "sha256": {"images": hashlib.sha256(values["image"].data).hexdigest()},
        "factors": list(FACTORS),
        "factor_sizes": [len(axis) for axis in FACTORS.values()],
    }
    return Source("shapes", fields, splits, list(NAMES), provenance)


def draw_all() -> np.ndarray:
    """Returns every combination of the factors, the last varying fastest: uint8 [17280, 32, 32, 1]."""
    *kinds, columns, rows = FACTORS.values()
    images = empty((*(len(axis) for axis in FACTORS.values()), SIDE, SIDE), np.uint8)
    images[...] = 0
    for i, shape in enumerate(NAMES):
        for j, scale in enumerate(kinds[1]):
            for k, angle in enumerate(kinds[2]):
                # drawn once per place-independent combination: drawing takes much longer than copying
                patch = draw(shape, scale, angle)
                for x in range(len(columns)):
                    for y in range(len(rows)):
                        images[i, j, k, x, y, y : y + PATCH, x : x + PATCH] = patch
    return images.reshape(-1, SIDE, SIDE, 1)


def draw(shape: str, scale: float, angle: float) -> np.ndarray:
    """Returns a white shape on black about the centre, uint8 [PATCH, PATCH]: the covered fraction of each pixel."""
    places = (np.arange(PATCH * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - PATCH / 2
    right, up = places[None, :], -places[:, None]
    # the point rotated back by the angle, in units of the shape's scale
    x = (right * np.cos(angle) + up * np.sin(angle)) / scale
    y = (up * np.cos(angle) - right * np.sin(angle)) / scale
    inside = INSIDE[shape](x, y).reshape(PATCH, SUPERSAMPLING, PATCH, SUPERSAMPLING)
    return np.floor(inside.mean(axis=(1, 3)) * 255.0 + 0.5).astype(np.uint8)


INSIDE = {  # at scale 1, in pixels
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) < 7.0,
    "ellipse": lambda x, y: (x / 10.0) ** 2 + (y / 5.0) ** 2 < 1.0,
    # (x^2 + y^2 - 1)^3 < x^2 y^3, a heart of height 2.2
    "heart": lambda x, y: ((x / 7.0) ** 2 + (y / 7.0) ** 2 - 1.0) ** 3 < (x / 7.0) ** 2 * (y / 7.0) ** 3,
}
