"""Arithmetic of image shapes: how often a network can halve an image, and the grid that it starts from."""

from collections.abc import Sequence

from tfgen.errors import UserError


def halvings(image_shape: Sequence[int], smallest: int = 4) -> int:
    """Returns how often an image [H, W, C] can be halved before its shorter side falls below `smallest` pixels.

    Raises:
        UserError: the shorter side is below `smallest` already.
    """
    side = min(image_shape[:2])
    if side < smallest:
        raise UserError(f"images must be at least {smallest} pixels per side, got {image_shape[0]}x{image_shape[1]}")
    return max((side // smallest).bit_length() - 1, 0)


def grid(image_shape: Sequence[int], depth: int) -> tuple[int, int]:
    """Returns the smallest grid (rows, columns) that, doubled `depth` times, covers an image [H, W, C]."""
    height, width = image_shape[:2]
    return -(-height // 2**depth), -(-width // 2**depth)  # rounded up


def margins(image_shape: Sequence[int], depth: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the pixels to crop after doubling `grid` `depth` times: ((top, bottom), (left, right))."""
    rows, columns = grid(image_shape, depth)
    down, across = rows * 2**depth - image_shape[0], columns * 2**depth - image_shape[1]
    return (down // 2, down - down // 2), (across // 2, across - across // 2)
