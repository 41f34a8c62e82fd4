"""Export of a model as `.keras` files: each network in built-in layers alone, and the trainer."""

import os
import pathlib
import zipfile

import keras

from tfgen import faults
from tfgen.errors import UserError
from tfgen.storage.atomic import replacing
from tfgen.storage.origin import Stamp, stamp_file, stamp_of
from tfgen.training.model import GenerativeModel

TRAINER = "trainer.keras"


def read_keras_file(path: str | os.PathLike) -> keras.Model:
    """Returns the model of a `.keras` file, in Keras' safe mode: no code of the file runs.

    Raises:
        UserError: there is no such file, it is damaged, or it needs classes that are not imported.
    """
    import tfgen.families.adversarial.model
    import tfgen.families.flow.model
    import tfgen.families.variational.model  # noqa: F401  they register the classes of saved models

    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"there is no file {path}; expected a .keras file")
    if not zipfile.is_zipfile(path):  # Keras would say that there is none
        raise UserError(f"cannot load {path}: it is damaged, or not a .keras file")
    try:
        loaded = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile raise what the damaged byte makes them raise
        raise UserError(f"cannot load {path}: {faults.reason(error)}") from error
    if not isinstance(loaded, keras.Model):
        raise UserError(f"cannot load {path}: it holds a {type(loaded).__name__}, expected a model")
    return loaded


def save_keras_files(
    model: GenerativeModel, folder: str | os.PathLike, stamp: Stamp | None = None
) -> list[pathlib.Path]:
    """Writes `NAME.keras` for each network that the model exports, then `trainer.keras`, the model with its optimizers.

    Args:
        model: a compiled `GenerativeModel`.
        folder: created if it is missing. Each file in it is replaced atomically, and synced.
        stamp: the origin and the step of the model, which each file records; Keras does not read it.

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
            stamp_file(partial, stamp)
    return [folder / name for name in saved]


def are_stamped(model: GenerativeModel, folder: pathlib.Path, stamp: Stamp) -> bool:
    """Returns whether `folder` holds the files that `save_keras_files` writes for a model, all with this stamp."""
    return all(stamp_of(folder / f"{name}.keras") == stamp for name in [*model.networks, pathlib.Path(TRAINER).stem])
