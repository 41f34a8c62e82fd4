"""Pictures of a user's, translated by a run: the work of `python -m tfgen.translate`."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from tfgen.data.paths import existing
from tfgen.errors import UserError
from tfgen.machine import startup
from tfgen.runs.folder import load_run
from tfgen.runs.layout import check_spares_runs
from tfgen.runs.reading import picture_names, read_pictures
from tfgen.sampling import writers
from tfgen.sampling.grids import COLUMNS, enlarged, stacked
from tfgen.storage import images as pictures
from tfgen.storage.atomic import replacing
from tfgen.storage.paths import check_output, expanded


def translate_run(
    folder: str | os.PathLike,
    images: str | os.PathLike,
    out: str | os.PathLike | None = None,
    *,
    reverse: bool = False,
    mask: str | os.PathLike | None = None,
    seed: int = 0,
) -> pathlib.Path:
    """Writes translations of pictures: one file each, a sheet of sources above translations, or an array.

    Pictures are cropped about their centres and resized to what the model takes. A flow of pictures fills their holes.

    Args:
        folder: of the run.
        images: a folder of pictures, one picture, or FILE.npz with `images`.
        out: a folder, where the pictures keep their names, but end in .png; FILE.npz with `images`; or FILE.png, the
            translation of a single picture, else a sheet. By default `translations` in the run's folder.
        reverse: whether the pictures are of domain B of a model of two domains.
        mask: a picture, white where those of `images` are to be filled, of a model that can `inpaint`; None: what the
            model does by itself, of such a model the middle.
        seed: of what is random, such as what fills a hole; picture i depends on (seed, i) and on itself alone.

    Returns:
        The path that was written.

    Raises:
        UserError: the run does not translate, no picture can be read, or `out` cannot be written.
    """
    run = load_run(folder)
    where = expanded("--images", images)
    given = existing("--images", where, folder=where.is_dir(), what="a folder of pictures, or one picture")
    named, out = bool(out), expanded("--out", out) if out else run.paths.translations
    names = picture_names(given)
    covering = None if mask is None else _existing_mask(mask)
    _check(check_spares_runs(out), names, {"--images": given, **({} if covering is None else {"--mask": covering})})
    if named:
        _check_spares_pictures(out, names)
    startup.start_tensorflow()
    model = run.model
    shape = model.fields[model.translated(reverse)].shape
    hole = None if covering is None else _hole(covering, shape)
    parts = read_pictures(given, names, shape)
    write = {".npz": _write_array, ".png": _write_sheet}.get(writers.kind(out), _write_files)
    write(out, names, _translations(model, parts, reverse, hole, seed))
    return out


def _existing_mask(mask):
    """Returns the path of the picture that `--mask` names."""
    return existing("--mask", expanded("--mask", mask), folder=False, what="a picture, white where to fill")


def _hole(mask, shape):
    """Returns the picture `mask` in the size of those of a shape, uint8 [H, W, 1]."""
    _, pictures = next(read_pictures(mask, picture_names(mask), (*shape[:2], 1), "--mask"))
    return pictures[0]


def _translations(model, parts, reverse, hole, seed):
    """Yields (names, pictures, translations); the number of a picture counts through all parts."""
    start = 0
    for names, part in parts:
        # past what has its default: a model from outside may know of the pictures alone
        more = {name: value for name, value in (("seed", seed), ("start", start)) if value}
        made = model.translate(part, reverse=reverse, **more) if hole is None else model.inpaint(part, hole, **more)
        start += len(part)
        yield names, part, made


def _check(out, names, read):
    """Raises UserError where `out` cannot be written, or would replace what is read: flag -> its path."""
    kind = writers.kind(out)
    if kind == ".png" and len(names) > writers.MAX_GRID:
        raise UserError(f"a sheet holds {writers.MAX_GRID} pictures, got {len(names)}; give --out=FOLDER or FILE.npz")
    if not kind:
        writers.check_folder(out)
    here = pathlib.Path(os.path.realpath(out))
    written = {here, *(here / name for name in _names_written(names).values())}
    places = {flag: pathlib.Path(os.path.realpath(path)) for flag, path in read.items()}
    replaced = [
        f for f, there in places.items() if there in written or (read[f].is_dir() and there.is_relative_to(here))
    ]
    if places["--images"].parent == here and any(path.is_file() for path in written):
        replaced.append("--images")  # others in the folder of the one that is translated
    if replaced:
        raise UserError(f"--out={out} would replace the pictures of {replaced[0]}: give another path")
    check_output(out, folder=not kind)


def _check_spares_pictures(out, names):
    """Raises UserError where a folder has pictures of these names that are not of tfgen's own making."""
    if writers.kind(out):
        return
    for name in _names_written(names).values():
        if os.path.lexists(out / name) and not pictures.is_own_png(out / name):
            raise UserError(f"--out={out} has a {name!r} that tfgen has not written: give an empty or a new folder")


def _names_written(names):
    """Returns name of a picture -> name of its translation, which ends in .png; those that do already keep theirs."""
    found = {name: name for name in names if name.endswith(".png")}
    written = set(found)
    for name in names:
        if name not in found:
            path = f"{os.path.splitext(name)[0]}.png"
            while path in written:  # of a.jpg beside a.png, say
                path = f"{path}.png"
            found[name] = path
            written.add(path)
    return found


def _write_files(out, names, pairs):
    written = _names_written(names)
    for given, _, made in pairs:
        for name, image in zip(given, made, strict=True):
            pictures.save_png(out / written.get(name, name), image)  # those of an array have names of their own


def _write_array(out, _, pairs):
    names, _, made = zip(*pairs, strict=True)
    with replacing(out) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, images=np.concatenate(made), names=np.concatenate(names))


def _write_sheet(out, _, pairs):
    _, sources, made = zip(*pairs, strict=True)
    sources, made = np.concatenate(sources), np.concatenate(made)
    single = made[0] if len(made) == 1 else enlarged(stacked((sources, made), COLUMNS), made.shape[1:])
    pictures.save_png(out, single)
