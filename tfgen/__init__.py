"""Deep generative models in Keras: one command trains a named model on real images.

import tfgen
model = tfgen.build_model("dcgan", image_shape=(28, 28, 1))
model.fit(images, batch_size=64, epochs=1)
images = model.sample(16, seed=0)

Names are imported on use: `import tfgen` alone does not start TensorFlow.
"""

import importlib
import importlib.util
import os
import sys
from typing import Any

from tfgen import keras_names
from tfgen.machine.stopping import guard_start

__version__ = "0.1.0"

# Public name -> the module that defines it.
_NAMES = {
    "model_names": "tfgen.models",
    "build_model": "tfgen.models",
    "register_model": "tfgen.models",
    "dataset_names": "tfgen.data",
    "load_dataset": "tfgen.data",
    "register_dataset": "tfgen.data",
    "logger_names": "tfgen.loggers",
    "register_logger": "tfgen.loggers",
    "Recipe": "tfgen.recipes.recipe",
    "load_recipe": "tfgen.recipes.recipe",
    "train": "tfgen.runs.job",
    "load_run": "tfgen.runs.folder",
    "GenerativeModel": "tfgen.training.model",
    "Phase": "tfgen.training.phases",
    "Step": "tfgen.training.step",
    "Field": "tfgen.data.source",
    "AdversarialModel": "tfgen.families.adversarial.model",
    "VariationalModel": "tfgen.families.variational.model",
    "FlowModel": "tfgen.families.flow.model",
    "Diagnosis": "tfgen.diagnosis.callback",
    "make_optimizer": "tfgen.optimizers.building",
    "Loss": "tfgen.losses",
    "UserError": "tfgen.errors",
}
_MODULES = {"augment", "latent", "likelihoods", "losses", "metrics", "networks", "objectives", "penalties", "priors"}
_MODULES |= {"averaging", "interpolants", "samplers", "texts"}

__all__ = sorted({*_NAMES, *_MODULES, "__version__"})


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"tfgen.{name}")
    else:
        from registry import nearest

        raise AttributeError(f"module 'tfgen' has no attribute {name!r}{nearest(name, __all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)


def _check_registry() -> None:
    """Raises ImportError if `registry` is another module, such as a registry.py in the working directory."""
    loaded = sys.modules.get("registry")
    spec = loaded.__spec__ if loaded else importlib.util.find_spec("registry")
    ours = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "registry", "__init__.py")
    origin = spec and (spec.origin or next(iter(spec.submodule_search_locations or []), None))
    if origin and os.path.realpath(origin) == os.path.realpath(ours):
        return
    found = f"found {origin} instead; rename that file or run from another folder" if origin else "it is not installed"
    # named after the package, so that `python -m tfgen.run` prints this sentence without a traceback.
    raise ImportError(f"tfgen needs its own package 'registry' (part of keras-tfgen), but {found}", name="tfgen")


_check_registry()
guard_start(sys.orig_argv)
keras_names.register()
