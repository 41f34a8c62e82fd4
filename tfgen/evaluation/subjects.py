"""Evaluation from folders and files to evaluation.json: the work of `python -m tfgen.evaluate`."""

import os
import pathlib

from tfgen.data import load_dataset
from tfgen.data.source import Source
from tfgen.errors import UserError
from tfgen.evaluation.evaluation import Evaluation, evaluate_model, evaluate_samples
from tfgen.evaluation.files import digest, digest_asked, read_samples
from tfgen.evaluation.settings import Settings
from tfgen.evaluation.stored import keep
from tfgen.machine import startup
from tfgen.runs.folder import changed_since, load_run
from tfgen.runs.layout import Layout, check_spares_runs
from tfgen.runs.priors import folder_name
from tfgen.runs.sampling import read_conditions, under_prior
from tfgen.storage.hashes import file_digest
from tfgen.storage.paths import check_output


def evaluate_run(
    folder: str | os.PathLike,
    settings: Settings,
    out: str | os.PathLike | None = None,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    image_size: str | None = None,
    conditions: str | os.PathLike | None = None,
    prior: str | None = None,
) -> tuple[Evaluation, pathlib.Path]:
    """Evaluates a run and writes evaluation.json.

    Args:
        folder: of the run.
        settings: `Settings`.
        out: FILE.json; by default evaluation.json in the run's folder, with a prior in that of the prior, whose scores
            of the same weights by the same settings are kept.
        dataset, data_dir, image_size: the data to compare with; by default those of the run.
        conditions: FILE.npz of arrays by field name, whose rows the samples take in turn; by default rows of the split.
        prior: of the samples, gmm:10, normal or two_stage, fitted to the codes of the training images; by default the
            model's own.

    Returns:
        (the evaluation, the path of the file).

    Raises:
        UserError: the run, the data or the settings do not fit.
    """
    run = load_run(folder)
    given = None if conditions is None else read_conditions(conditions)
    default = (
        run.paths.evaluation if prior is None else run.paths.prior(folder_name(prior)).with_name("evaluation.json")
    )
    given_out, out = out, destination(out, default)
    source = run.source(dataset, data_dir, image_size)
    own = dataset is None and image_size is None and not run.record.get("part")
    if own and changed_since(run, source):
        print(f"{source.name} is not what {run.folder} was trained on any more: its sha256 is another", flush=True)
    startup.start_tensorflow()
    sampler = None if prior is None else under_prior(run, prior, given=given)
    subject = {"run": run.place, "recipe": run.recipe.to_json(), **({"prior": prior} if prior else {})}
    if conditions is not None:
        subject["conditions_file"] = {"path": str(conditions), "sha256": file_digest(conditions)}
    how: dict = {"subject": subject, "picture": picture_beside(out, source)}
    evaluation = evaluate_model(run.model, source, settings, conditions=given, sampler=sampler, **how)
    return evaluation, written(evaluation, out, settings, merge=not given_out)


def evaluate_file(
    samples: str | os.PathLike,
    settings: Settings,
    out: str | os.PathLike | None = None,
    *,
    dataset: str,
    data_dir: str | None = None,
    image_size: str | None = None,
) -> tuple[Evaluation, pathlib.Path]:
    """Evaluates samples in files against a data set, and writes evaluation.json beside them.

    Args:
        samples: FILE.npz, a folder of pictures or a folder of shards.
        (the others as in `evaluate_run`)

    Returns:
        (the evaluation, the path of the file).

    Raises:
        UserError: the samples, the data or the settings do not fit.
    """
    path = pathlib.Path(samples)
    given_out, out = out, destination(out, Layout(path if path.is_dir() else path.parent).evaluation)
    source = load_dataset(dataset, data_dir=data_dir, image_size=image_size)
    startup.start_tensorflow()
    shape = None if image_size is None else source.fields["image"].shape
    found = read_samples(path, settings.num, None if shape is None else (shape[0], shape[1]))
    subject = {"samples": str(samples), "sha256": digest(found.data)}
    if asked := digest_asked(found):
        subject["asked"] = asked
    evaluation = evaluate_samples(
        *found[:1], source, settings, *found[1:], subject=subject, picture=picture_beside(out, source)
    )
    return evaluation, written(evaluation, out, settings, merge=not given_out)


def written(evaluation: Evaluation, out: pathlib.Path, settings: Settings, merge: bool) -> pathlib.Path:
    """Writes an evaluation to the file that the user has named, or merges it with the one in its default place."""
    if merge:
        return keep(evaluation, out, partial=settings.metrics is not None)
    evaluation.write(out)
    return out


def destination(out: str | os.PathLike | None, default: pathlib.Path) -> pathlib.Path:
    """Returns the path of evaluation.json.

    Raises:
        UserError: it is no FILE.json, or cannot be written.
    """
    path = pathlib.Path(out or default)
    if out and (path.is_dir() or path.suffix != ".json"):
        raise UserError(f"--out must be FILE.json, got {path}")
    return check_output(check_spares_runs(path, scores=True))


def picture_beside(out: pathlib.Path, source: Source) -> pathlib.Path | None:
    """Returns the path of the picture of samples beside training images; None where samples are not shown so."""
    shows = "image" in source.fields and (source.scoring is None or source.scoring.pictures)
    return Layout(out.parent).nearest if shows else None
