"""Remarks on training images before the first step: dark or flat ones, duplicates, classes. NumPy only.

Each limit lies far from what the usual data sets show: of MNIST, Fashion-MNIST, CIFAR-10 and the drawn shapes less than
0.1 % of the images are dark, flat or copies, the pixels use all of their range, and a pixel differs from image to image
by 0.24 to 0.30 (standard deviation).
"""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfgen.data.source import Arrays, Examples, Field

Remark = tuple[str, str]  # name and message of a finding

LOOKED_AT = 1000  # images whose pixels are looked at
DECODED = 512  # of files, which have to be read and decoded first
PIXELS = 4096  # of an image, at most, so that large images take no longer
COMPARED = 200 << 20  # bytes of images that are searched for duplicates

MANY = 0.25  # fraction of the images that are dark or flat
DARK, BRIGHTEST = 0.02, 0.1  # mean, and 99th percentile, of a nearly black image, of [0, 1]
FLAT = 0.015  # standard deviation of the pixels of an image of one colour
ALIKE = 0.02  # root of the mean variance of a pixel from image to image
NARROW = 0.3  # part of [0, 1] that the pixels use
DISTINCT = 0.5  # fraction of different images
UNEQUAL = 20  # largest class in sizes of the smallest
FEW = 200  # images, below which a network of the usual size knows them by heart


@dataclasses.dataclass(frozen=True)
class Seen:
    """What was seen of the training examples.

    Attributes:
        total: number of examples.
        pixels: float32 [n, P] in [0, 1], of some of the images, the largest of the channels.
        repeats: how often each different image occurs among `compared`.
        labels: name -> classes of the compared examples.
        whole: whether those are all examples.
    """

    total: int
    pixels: np.ndarray
    repeats: np.ndarray
    labels: dict[str, np.ndarray]
    whole: bool

    @property
    def compared(self) -> int:
        """The number of examples that were compared."""
        return int(self.repeats.sum())


def remarks_on(examples: Examples, fields: Mapping[str, Field], data_field: str) -> list[Remark]:
    """Returns (name, sentence) of what is wrong with training images, and with the labels that belong to them.

    Args:
        examples: of the training.
        fields: those that the model takes.
        data_field: name of the images; other data than images are not judged.
    """
    if fields[data_field].kind != "image" or not len(examples):
        return []
    seen = look_at(examples, fields, data_field)
    found = [few_images(seen), *darkness(seen), duplicates(seen)]
    found += [classes(seen, name, fields[name]) for name in seen.labels]
    return [remark for remark in found if remark is not None]


def look_at(examples: Examples, fields: Mapping[str, Field], data_field: str) -> Seen:
    """Returns what is seen of some examples, the same ones whenever it is called."""
    named = [name for name, field in fields.items() if field.kind == "label"]
    pixels: list[np.ndarray] = []
    counts: collections.Counter[int] = collections.Counter()
    labels: dict[str, list[np.ndarray]] = {name: [] for name in named}
    rows = chosen_rows(examples, fields[data_field])
    shown = rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(np.int64)]
    for part in blocks(rows):
        values = examples.gather(part)
        images = np.asarray(values[data_field])
        counts.update(hash(image.tobytes()) for image in images)
        pixels.append(brightness(images[np.isin(part, shown)]))
        for name in named:
            labels[name].append(np.asarray(values[name]).reshape(-1))
    repeats = np.array(sorted(counts.values(), reverse=True), np.int64)
    joined = {name: np.concatenate(parts) for name, parts in labels.items()}
    return Seen(len(examples), np.concatenate(pixels), repeats, joined, len(rows) == len(examples))


def chosen_rows(examples: Examples, field: Field) -> np.ndarray:
    """Returns the rows to compare: all of arrays in memory, unless they are large, and some of files."""
    size = max(1, int(np.prod(field.shape)) * np.dtype(field.dtype or "uint8").itemsize)
    most = COMPARED // size if isinstance(examples, Arrays) else min(DECODED, COMPARED // size)
    number = min(len(examples), max(most, 2))
    if number == len(examples):
        return np.arange(number)
    # at random: copies may stand side by side, or a fixed distance apart
    return np.sort(np.random.RandomState(0).permutation(len(examples))[:number])


def blocks(rows: np.ndarray, size: int = 1000) -> Iterator[np.ndarray]:
    """Yields the rows in parts of at most `size`."""
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def brightness(images: np.ndarray) -> np.ndarray:
    """Returns at most `PIXELS` pixels of each image [N, H, W, C], float32 in [0, 1], the largest of the channels."""
    pixels = images.max(axis=-1).reshape(len(images), -1)
    pixels = pixels[:, :: -(-pixels.shape[1] // PIXELS)]
    return pixels.astype(np.float32) / (255.0 if images.dtype == np.uint8 else 1.0)


# The remarks, each (name, sentence) or None.


def few_images(seen: Seen) -> Remark | None:
    """Returns the remark on too few images to learn a distribution from."""
    if seen.total >= FEW:
        return None
    return "few_images", (
        f"few images: a network learns {seen.total} by heart before it learns what they have in common; what usually "
        "helps: more images, mirrored or augmented ones, a smaller network, an early end"
    )


def darkness(seen: Seen) -> list[Remark]:
    """Returns the remarks on images that are nearly black, of one colour, all alike, or in a part of the range."""
    mean, deviation = seen.pixels.mean(axis=1), seen.pixels.std(axis=1)
    black = (mean < DARK) & (np.quantile(seen.pixels, 0.99, axis=1) < BRIGHTEST)
    flat = (deviation < FLAT) & ~black
    found = []
    if black.mean() >= MANY:
        found.append(("nearly_black", of_many("nearly black", black, f"their mean is {mean[black].mean():.3f} of 1")))
    if flat.mean() >= MANY:
        found.append(("nearly_constant", of_many("of one colour", flat, "their pixels hardly differ")))
    apart = float(np.sqrt(seen.pixels.var(axis=0).mean()))
    if len(seen.pixels) > 1 and apart < ALIKE and not found:
        found.append(("nearly_constant", all_alike(apart)))
    low, high = np.quantile(seen.pixels, [0.001, 0.999])
    if high - low < NARROW and not found:
        found.append(("narrow_range", narrow(low, high)))
    return found


def of_many(called: str, chosen: np.ndarray, why: str) -> str:
    """Returns the sentence on a part of the images."""
    return (
        f"{int(chosen.sum()):,} of {len(chosen):,} training images looked at are {called} ({why}), and a model learns "
        "to make such images; what usually helps: leave them out, or check how the images were read and scaled"
    )


def all_alike(apart: float) -> str:
    """Returns the sentence on images that are all nearly the same."""
    return (
        f"the training images are nearly all the same: a pixel differs from image to image by {apart:.3f} of 1; what "
        "usually helps: check how the images were read and scaled"
    )


def narrow(low: float, high: float) -> str:
    """Returns the sentence on pixels that use a small part of their range."""
    return (
        f"the pixels of the training images lie in {low:.2f} to {high:.2f}, a small part of 0 to 1: networks and "
        "likelihoods expect all of it; what usually helps: scale the images to the whole range"
    )


def duplicates(seen: Seen) -> Remark | None:
    """Returns the remark on images that are mostly copies of others."""
    different = len(seen.repeats)
    if seen.compared < 2 or different > DISTINCT * seen.compared:
        return None
    which = f"{seen.compared:,} training images" + ("" if seen.whole else " looked at")
    are, most = "is" if different == 1 else "are", seen.repeats[0]
    return "duplicates", (
        f"most training images are copies: of {which} only {different:,} {are} different, and one occurs {most:,} "
        "times; a model learns them by heart; what usually helps: leave the copies out"
    )


def classes(seen: Seen, name: str, field: Field) -> Remark | None:
    """Returns the remark on classes without images, or with very few."""
    if field.range is None or not seen.whole:
        return None
    counts = np.bincount(seen.labels[name], minlength=int(field.range[1]))[: int(field.range[1])]
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        return "missing_classes", (
            f"no training images of {len(missing)} of {len(counts)} classes ({listed(missing, field.names)}): samples "
            "of them mean nothing; what usually helps: images of them, or numbers of classes without gaps"
        )
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] < UNEQUAL * counts[least]:
        return None
    return "unbalanced_classes", (
        f"the classes are very unequal: {called(least, field.names)} has {counts[least]:,} training images and "
        f"{called(most, field.names)} {counts[most]:,}; samples of rare classes are poor; what usually helps: more "
        "images of them, or fewer of the others"
    )


def called(number: int, names: Sequence[str] | None) -> str:
    """Returns how a class is called in a sentence."""
    return f"class {number}" + (f" ({names[number]})" if names and number < len(names) else "")


def listed(numbers: np.ndarray, names: Sequence[str] | None, most: int = 5) -> str:
    """Returns the first classes, for a sentence."""
    shown = [called(int(number), names) for number in numbers[:most]]
    return ", ".join([*shown, *(["..."] if len(numbers) > most else [])])
