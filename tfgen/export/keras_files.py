"""Export of a model as `.keras` files: each network in built-in layers alone, and the trainer."""

import os
import pathlib

import keras

from tfgen.storage.atomic import replacing
from tfgen.training.model import GenerativeModel

TRAINER = "trainer.keras"


def save_keras_files(model: GenerativeModel, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `NAME.keras` for each network that the model exports, then `trainer.keras`, the model with its optimizers.

    Args:
        model: a compiled `GenerativeModel`.
        folder: created if it is missing. Each file in it is replaced atomically, and synced.

    Returns:
        Paths of the files, `trainer.keras` last.

    Raises:
        UserError: the disk is full or read-only, or the model holds an object that cannot be saved by name.
    """
    folder = pathlib.Path(folder)
    saved: dict[str, keras.Model] = {f"{name}.keras": net for name, net in model.exported_networks().items()}
    saved[TRAINER] = model
    for name, network in saved.items():
        with replacing(folder / name, sync=True) as partial:
            network.save(partial)
    return [folder / name for name in saved]
