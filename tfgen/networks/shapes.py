"""Arithmetic of image shapes: how far a network can halve an image, and the multiple that it is built at."""

from tfgen.errors import UserError


def halvings(image_shape, smallest=4):
    """How often both sides of an image [H, W, C] can be halved before the shorter one falls below `smallest`."""
    side = min(image_shape[:2])
    if side < smallest:
        raise UserError(f"images must be at least {smallest} pixels a side, got {image_shape[0]}x{image_shape[1]}")
    return max((side // smallest).bit_length() - 1, 0)


def grid(image_shape, depth):
    """The grid (rows, columns) that, doubled `depth` times, covers an image [H, W, C]."""
    return tuple(-(-side // 2**depth) for side in image_shape[:2])


def margins(image_shape, depth):
    """How much to crop after doubling `grid` `depth` times: ((top, bottom), (left, right))."""
    extra = [rows * 2**depth - side for rows, side in zip(grid(image_shape, depth), image_shape[:2], strict=True)]
    return tuple((e // 2, e - e // 2) for e in extra)
