"""Adapters of wandb, mlflow and trackio. Their own settings say where data goes: WANDB_MODE, MLFLOW_TRACKING_URI."""

import os
from typing import Any

import numpy as np
from PIL import Image

from tfgen.loggers.base import LoggedRun, Logger, tracker_module

PROJECT = "tfgen"


class Wandb(Logger):
    """Weights & Biases (https://docs.wandb.ai), project `tfgen` or WANDB_PROJECT."""

    def begin(self) -> None:
        """Opens the run, the same one after a resume."""
        name, project = self.remembered() or os.urandom(4).hex(), os.environ.get("WANDB_PROJECT", PROJECT)
        place = {"project": project, "dir": str(self.run.folder)}
        self.tracker.init(**place, name=self.run.name, id=name, resume="allow", config=dict(self.run.config))
        self.remember(name)

    def log(self, values: dict[str, float], step: int) -> None:
        """Logs numbers."""
        self.tracker.log(values, step=step)

    def picture(self, image: np.ndarray, step: int) -> None:
        """Logs a picture."""
        self.tracker.log({"samples": self.tracker.Image(as_pillow(image))}, step=step)

    def end(self) -> None:
        """Closes the run."""
        self.tracker.finish()


class Trackio(Logger):
    """Trackio (https://github.com/gradio-app/trackio), project `tfgen` or TRACKIO_PROJECT."""

    def begin(self) -> None:
        """Opens the run, the same one after a resume."""
        name, project = self.remembered() or f"{self.run.name}-{os.urandom(2).hex()}", os.environ.get("TRACKIO_PROJECT")
        self.tracker.init(project=project or PROJECT, name=name, resume="allow", config=dict(self.run.config))
        self.remember(name)

    log, end = Wandb.log, Wandb.end

    def picture(self, image: np.ndarray, step: int) -> None:
        """Logs a picture."""
        self.tracker.log({"samples": self.tracker.Image(np.asarray(as_pillow(image).convert("RGB")))}, step=step)


class Mlflow(Logger):
    """MLflow (https://mlflow.org), experiment `tfgen` or MLFLOW_EXPERIMENT_NAME."""

    def begin(self) -> None:
        """Opens the run, the same one after a resume."""
        if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
            self.tracker.set_experiment(PROJECT)
        known = self.remembered()
        opened = self.tracker.start_run(run_id=known) if known else self.tracker.start_run(run_name=self.run.name)
        if not known:
            self.tracker.log_params(flat(self.run.config))  # parameters of MLflow cannot change later
            self.remember(opened.info.run_id)

    def log(self, values: dict[str, float], step: int) -> None:
        """Logs numbers."""
        self.tracker.log_metrics(values, step=step)

    def picture(self, image: np.ndarray, step: int) -> None:
        """Logs a picture."""
        self.tracker.log_image(as_pillow(image), artifact_file=f"samples/step_{step:08d}.png")

    def end(self) -> None:
        """Closes the run."""
        self.tracker.end_run()


def wandb(run: LoggedRun) -> Logger:
    """Weights & Biases; pip install 'keras-tfgen[wandb]'."""
    return Wandb(run, tracker_module("wandb", "init"))


def mlflow(run: LoggedRun) -> Logger:
    """MLflow; pip install 'keras-tfgen[mlflow]'."""
    return Mlflow(run, tracker_module("mlflow", "start_run"))


def trackio(run: LoggedRun) -> Logger:
    """Trackio; pip install 'keras-tfgen[trackio]'."""
    return Trackio(run, tracker_module("trackio", "init"))


def as_pillow(image: np.ndarray) -> Image.Image:
    """Returns an image uint8 [H, W, 1 or 3] as a picture of Pillow."""
    return Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image)


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Returns a nested dict as one of a single level: {"options": {"width": 8}} as {"options.width": 8}."""
    if not isinstance(config, dict):
        return {prefix: config}
    joined = {name: f"{prefix}.{name}" if prefix else str(name) for name in config}
    return {key: value for name, part in config.items() for key, value in flat(part, joined[name]).items()}
