"""The layout of a run's folder: the names of its files."""

import dataclasses
import os
import pathlib

from tfgen.errors import UserError
from tfgen.storage.origin import path_of, steps_of
from tfgen.storage.paths import whole


@dataclasses.dataclass(frozen=True)
class Layout:
    """The paths of a run's folder; no other module holds their names.

    Attributes:
        folder: what the training has written.
        later: where commands write what they make of the run; None: into the same folder.
    """

    folder: pathlib.Path
    later: pathlib.Path | None = None

    @property
    def added(self) -> pathlib.Path:
        """The folder of what commands make of the run."""
        return self.folder if self.later is None else self.later

    @property
    def recipe(self) -> pathlib.Path:
        """The resolved recipe, with versions and provenance."""
        return self.folder / "recipe.json"

    @property
    def lock(self) -> pathlib.Path:
        """There while a process trains in the folder."""
        return self.folder / ".lock"

    @property
    def history(self) -> pathlib.Path:
        """Losses and metrics, one row per epoch."""
        return self.folder / "history.csv"

    @property
    def diagnosis(self) -> pathlib.Path:
        """Measurements of the diagnosis, one row per probe."""
        return self.folder / "diagnosis.csv"

    @property
    def findings(self) -> pathlib.Path:
        """Findings of the diagnosis."""
        return self.folder / "diagnosis.json"

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of TensorBoard's event files."""
        return self.folder / "tensorboard"

    @property
    def loggers(self) -> pathlib.Path:
        """Names that trackers of `--logger` have given to this run."""
        return self.folder / "loggers.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the latest checkpoints."""
        return self.folder / "checkpoints"

    @property
    def samples(self) -> pathlib.Path:
        """Folder of pictures and files of samples."""
        return self.added / "samples"

    @property
    def models(self) -> pathlib.Path:
        """Folder of the `.keras` files."""
        return self.folder / "models"

    @property
    def trainer(self) -> pathlib.Path:
        """The model with its optimizers."""
        return self.models / "trainer.keras"

    @property
    def savedmodel(self) -> pathlib.Path:
        """Folder of the SavedModel, in TensorFlow Serving's layout."""
        return self.folder / "export" / "1"

    @property
    def evaluation(self) -> pathlib.Path:
        """Scores of an evaluation."""
        return self.added / "evaluation.json"

    @property
    def evaluated(self) -> pathlib.Path:
        """Scores to read: of the newest evaluation, or those that the folder came with."""
        own = Layout(self.folder).evaluation
        return self.evaluation if os.path.lexists(self.evaluation) else own

    @property
    def translations(self) -> pathlib.Path:
        """Folder of translated pictures."""
        return self.added / "translations"

    @property
    def nearest(self) -> pathlib.Path:
        """Samples beside their nearest training images, from an evaluation."""
        return self.added / "nearest.png"

    @property
    def encoded(self) -> pathlib.Path:
        """Codes and scores of single images."""
        return self.added / "encoded.npz"

    @property
    def film(self) -> pathlib.Path:
        """Animation of the samples after each epoch."""
        return self.samples / "progress.gif"

    @property
    def latent(self) -> pathlib.Path:
        """Folder of what was found in the latents."""
        return self.added / "latent"

    def prior(self, name: str) -> pathlib.Path:
        """File of a prior that was fitted to codes."""
        return self.added / "priors" / name / "prior.npz"

    def prior_export(self, name: str) -> pathlib.Path:
        """Folder of the SavedModel that samples from such a prior."""
        return self.added / "priors" / name / "export" / "1"

    @property
    def report(self) -> pathlib.Path:
        """The HTML report."""
        return self.added / "report.html"

    @property
    def trained(self) -> set[str]:
        """The names in the folder of what the training has written."""
        files = (self.recipe, self.lock, self.history, self.diagnosis, self.findings, self.loggers)
        return {path.name for path in (*files, self.tensorboard, self.checkpoints, self.models, self.savedmodel.parent)}

    def weights(self) -> list[pathlib.Path]:
        """Returns what there is of checkpoints, `.keras` files and the SavedModel."""
        found = [path_of(self.checkpoints, step) for step in steps_of(self.checkpoints)]
        found += sorted(path for path in self.models.glob("*.keras") if not path.name.startswith("."))
        return [*found, *([self.savedmodel] if os.path.lexists(self.savedmodel) else [])]


def check_spares_runs(path: pathlib.Path, scores: bool = False) -> pathlib.Path:
    """Returns the path to which a command writes, which is none that a run has kept.

    Args:
        path: of a file or a folder; it need not exist.
        scores: whether the command writes evaluation.json.

    Raises:
        UserError: it is a run's folder, or lies in one, where the training, or an evaluation, has written.
    """
    there = whole(path)
    for folder in (there, *there.parents):
        run = Layout(folder)
        if not os.path.isfile(run.recipe):  # False of names that are too long, too
            continue
        if folder == there:
            raise UserError(f"--out={path} is the folder of a run: give a new folder, or one within it")
        kept = run.trained | (set() if scores else {run.evaluation.name})
        if (name := there.relative_to(folder).parts[0]) in kept:
            raise UserError(f"--out={path} would change {name} of the run {folder}: give another path")
    return path
