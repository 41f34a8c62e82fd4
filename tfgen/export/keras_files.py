"""A model as `.keras` files: each network in built-in layers alone, and the whole trainer."""

import pathlib

from tfgen.storage.atomic import replacing

TRAINER = "trainer.keras"


def save_keras_files(model, folder):
    """Writes `NAME.keras` for each network that the model exports, then `trainer.keras`, the model with its optimizers.

    Args:
        model: a compiled `GenerativeModel`.
        folder: made if it is missing. Each file in it is replaced in one step, and synced.

    Returns:
        Paths of the files, `trainer.keras` last.

    Raises:
        UserError: the disk is full or read-only, or the model holds an object that cannot be saved by name.
    """
    folder = pathlib.Path(folder)
    saved = {f"{name}.keras": network for name, network in model.exported_networks().items()}
    saved[TRAINER] = model
    for name, network in saved.items():
        with replacing(folder / name, sync=True) as partial:
            network.save(partial)
    return [folder / name for name in saved]
