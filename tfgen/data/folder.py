"""A folder of pictures: folder:PATH."""

import collections
import hashlib
import logging
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from tfgen.data import metadata, unpaired
from tfgen.data.arrangement import arranged, outside_of_splits
from tfgen.data.listing import listed
from tfgen.data.paths import existing
from tfgen.data.pictures import NAMED, Files, Picture, probed, quiet_pillow
from tfgen.data.pixels import SUFFIXES
from tfgen.data.source import MEMORY_LIMIT, Arrays, Examples, Source, content_of
from tfgen.errors import UserError
from tfgen.storage.hashes import file_digest

log = logging.getLogger("tfgen")

Outside = Callable[[pathlib.Path, Sequence[str]], dict[str, str]]


def load(
    path: str | os.PathLike[str],
    image_size: tuple[int, int] | None = None,
    memory_limit: int = MEMORY_LIMIT,
    kind: type[Files] = Files,
) -> Source:
    """a folder of pictures; its subfolders are the classes

    PNG, JPEG, WebP, BMP, GIF, TIFF and, where Pillow has it, AVIF files, at any depth; hidden files are ignored. The
    first level of subfolders gives the labels, in the order of their sorted names ("10" before "2"), unless there is
    only one subfolder, or there are pictures beside them.

    Folders `train`, `val` (or `valid`, `validation`) and `test` above the classes, or above the pictures, are the
    splits, where there is `train` and one of the others. Without `val`, 5 % of `train` are held out for validation;
    without `test`, there is no test split. Classes are those of `train`; pictures of other classes, or beside the
    folders of splits, are skipped. A single `train` is read as if it had been given itself; `val` or `test` without
    `train` is an error. Without folders of splits, 5 % of the files are held out for validation and 5 % for test by a
    hash of their relative path, so that a new file does not change the split of the others.

    Folders `trainA` and `trainB`, perhaps with `testA`, `testB`, `valA` and `valB`, are two domains without pairs: the
    pictures of A are the field `image`, those of B `other`, and what lies elsewhere is skipped.

    A `metadata.csv` or `metadata.jsonl`, in the folder or in those of the splits, adds fields (`tfgen.data.metadata`):
    `caption`, and `attributes` of its columns of numbers; pictures without a row are skipped.

    The pictures become gray if all of them are gray by their mode or palette, else RGB. They are rotated upright by
    EXIF, laid over white where transparent, scaled from 16 to 8 bits, and cropped and resized to `image_size`, which is
    optional for pictures of one common size. Files that cannot be read are skipped with one warning, and so are pipes,
    sockets, devices, and links that lead back (`tfgen.data.listing`); other linked folders are followed.

    Args:
        path: the folder.
        image_size: (height, width).
        memory_limit: bytes; pictures that take more when decoded are decoded from their files batch by batch.
        kind: how a picture is decoded.

    Raises:
        UserError: no such folder, fewer than 2 readable pictures, sizes that differ without `image_size`, or no train/.
    """
    said = metadata.Metadata()

    def outside(root: pathlib.Path, paths: Sequence[str]) -> dict[str, str]:
        nonlocal said
        problems = _outside(root, paths)
        said = metadata.read(root, [path for path in paths if path not in problems])
        return {**dict.fromkeys(paths, "no row in the metadata"), **dict.fromkeys(said.paths, ""), **problems}

    pictures, images, stored = read_all(path, image_size, memory_limit, outside, kind)
    if unpaired.has_domains([picture.path for picture in pictures]):
        return _domains(path, pictures, images, stored, image_size)
    return _classes(path, pictures, images, stored, image_size, said)


def _outside(root, paths):
    """Returns path -> reason of the pictures that lie beside the folders of splits or of domains."""
    if unpaired.has_domains(paths):
        return {path: "beside the folders of domains" for path in paths if unpaired.domain_of(path) is None}
    return outside_of_splits(root, paths)


def _classes(path, pictures, images, stored, image_size, said):
    """Returns the `Source` of pictures in folders of classes, perhaps of splits, with what the metadata say."""
    found = arranged([picture.path for picture in pictures])
    found.remarks += said.remarks
    for remark in found.remarks:
        log.warning("%s: %s", stored.root, remark)
    stored.label(found.labels, found.names)
    stored.attach(said.of([picture.path for picture in pictures]), said.fields)
    stored.divide(found.splits)
    fields = stored.fields()
    whole: Examples = stored if images is None else Arrays({"image": images, **stored.columns}, fields)
    notes = [*_notes(pictures, stored.channels, image_size, found.names, images is not None), *found.remarks]
    notes += [f"attributes: {', '.join(said.attributes)}"] if said.attributes else []
    views = {split: whole.select(rows) for split, rows in found.splits.items()}
    digests = _digests(stored, pictures, images is not None)
    return Source(f"folder:{path}", fields, views, found.names, _provenance(stored.root, digests, notes))


def _domains(path, pictures, images, stored, image_size):
    """Returns the `Source` of pictures in trainA/, trainB/, ..."""
    rows = unpaired.arranged([picture.path for picture in pictures])
    for split, parts in rows.items():
        least = 2 if split == "train" and "validation" not in rows else 1  # of 2, one is held out
        for letter, part in zip(unpaired.LETTERS, parts, strict=True):
            if split == "train" and len(part) < least:
                raise UserError(
                    f"folder: expected at least {least} readable pictures in train{letter.upper()}/ of {stored.root}, "
                    f"got {len(part)}"
                )
    stored.divide({f"{split} {number}": part for split, parts in rows.items() for number, part in enumerate(parts)})
    fields, whole = stored.fields(), stored if images is None else Arrays({"image": images}, stored.fields())
    notes = _notes(pictures, stored.channels, image_size, None, images is not None)
    notes.append("two domains without pairs: " + ", ".join(f"{s} {len(p[0])} and {len(p[1])}" for s, p in rows.items()))
    splits, fields = (
        unpaired.splits(dict.fromkeys(rows, whole), rows),
        dict.fromkeys(("image", "other"), fields["image"]),
    )
    digests = _digests(stored, pictures, images is not None)
    return Source(f"folder:{path}", fields, splits, None, _provenance(stored.root, digests, notes))


def _provenance(root, digests, notes):
    """Logs the notes on a folder, and returns its provenance."""
    log.info("%s: %s", root, "; ".join(notes))
    return {"source": str(root.resolve()), "sha256": digests, "notes": notes}


def read_all(
    path: str | os.PathLike[str],
    image_size: tuple[int, int] | None = None,
    memory_limit: int = MEMORY_LIMIT,
    outside: Outside = lambda root, paths: {},
    kind: type[Files] = Files,
) -> tuple[list[Picture], np.ndarray | None, Files]:
    """Reads every readable picture of a folder, in the order of their paths; arguments and errors as in `load`.

    Args:
        outside: (folder, relative paths) -> reasons by path of the pictures to leave out; "" leaves none out.
        kind: how a picture is decoded.

    Returns:
        (list of `Picture`, images uint8 [N, H, W, C] or None where they take more than `memory_limit`, `Files`).
    """
    root = existing("folder", path, folder=True, what="a folder of pictures")
    listing = _nonempty(root)
    problems = {**listing.problems, **{p: why for p, why in outside(root, listing.pictures).items() if why}}
    total = len(listing.pictures) + len(listing.problems)
    with quiet_pillow():
        pictures = probed(root, [name for name in listing.pictures if name not in problems], problems)
        size = _common_size(root, pictures, image_size)
        channels = 1 if all(picture.gray for picture in pictures) else 3
        stored = kind(root, [picture.path for picture in pictures], channels, size)
        in_memory = len(pictures) * size[0] * size[1] * channels <= memory_limit
        images, good = stored.decode_all(problems) if in_memory else (None, range(len(pictures)))
    _report(root, problems, total, listing)
    pictures = [pictures[number] for number in good]
    if len(pictures) < 2:
        found = f"{len(pictures)} of {total} files"
        raise UserError(f"folder: expected at least 2 readable pictures in {root}, got {found}")
    return pictures, images, stored


def _nonempty(root):
    """Returns the `Listing` of a folder with pictures."""
    listing = listed(root)
    if not listing.pictures:
        left = [listing.other_files(), _named(listing.problems)]
        got = " and ".join(part for part in left if part) or "none"
        raise UserError(f"folder: expected pictures ({', '.join(SUFFIXES)}) in {root}, got {got}")
    return listing


def _common_size(root, pictures, image_size):
    """Returns (height, width): `image_size`, or the common size of all pictures."""
    if image_size is not None:
        return image_size
    sizes = collections.Counter((picture.height, picture.width) for picture in pictures)
    if len(sizes) > 1:
        examples = ", ".join(f"{width}x{height}" for (height, width), _ in sizes.most_common(3))
        raise UserError(
            f"folder: expected pictures of one size in {root}, got {len(sizes)} sizes ({examples}"
            f"{', ...' if len(sizes) > 3 else ''}; width x height): give --image_size, for example --image_size=64"
        )
    return next(iter(sizes), (1, 1))


def _report(root, problems, total, listing):
    """Logs one warning with the skipped files."""
    parts = [f"skipped {len(problems)} of {total} files: {_named(problems)}"] if problems else []
    parts += [f"skipped {listing.other_files()}"] if listing.others else []
    if parts:
        log.warning("%s: %s", root, "; ".join(parts))
    if listing.linked:
        log.info("%s: %d linked folders were followed", root, len(listing.linked))


def _named(problems):
    """Returns the first problems by path, and the number of the others."""
    named = ", ".join(f"{path} ({reason})" for path, reason in sorted(problems.items())[:NAMED])
    return named + (f" and {len(problems) - NAMED} more" if len(problems) > NAMED else "")


def _notes(pictures, channels, image_size, names, in_memory):
    """Returns short phrases on the conversion of the pictures, for the log and the provenance."""
    counts = collections.Counter(trait for picture in pictures for trait in picture.traits)
    grays = sum(picture.gray for picture in pictures)
    notes = [f"{len(pictures)} pictures as {'gray' if channels == 1 else 'RGB'}"]
    if names:
        notes.append(f"{len(names)} classes: {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}")
    if channels == 3 and grays:
        notes.append(f"{grays} gray, made RGB")
    notes += [f"{count} {trait}" for trait, count in sorted(counts.items())]
    if image_size is not None:
        notes.append(f"cut about the centre and resized to {image_size[0]}x{image_size[1]} (height x width), Lanczos")
    if not in_memory:
        notes.append("read from their files batch by batch")
    return notes


def _digests(stored, pictures, in_memory):
    """Returns what -> sha256: of the files' relative paths and sizes, of their contents, and of what is said of them.

    Files that do not fit into memory are not read for it, as they are not until they are needed.
    """
    paths = [stored.root / picture.path for picture in pictures]
    listed = [f"{picture.path}\0{os.path.getsize(path)}" for picture, path in zip(pictures, paths, strict=True)]
    digests = {"listing": hashlib.sha256("".join(f"{line}\n" for line in listed).encode("utf-8", "surrogateescape"))}
    if in_memory:
        digests["contents"] = hashlib.sha256("".join(map(file_digest, paths)).encode())
    said = {name: values for name, values in sorted(stored.columns.items()) if name != "label"}  # paths give that
    if said:
        content = b"".join(name.encode() + content_of(values) for name, values in said.items())
        digests["metadata"] = hashlib.sha256(content)
    return {name: digest.hexdigest() for name, digest in digests.items()}
