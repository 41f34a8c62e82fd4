"""The names under which Keras finds tfgen's classes in a saved file, known to it without importing them.

`import tfgen; keras.saving.load_model(path)` has to work, and `import tfgen` is not to start TensorFlow. So each class
has a stand-in in Keras' table of custom objects, put there when Keras itself is imported; the first use of a stand-in
imports all of these modules, which register the classes themselves.
"""

import ast
import importlib
import importlib.abc
import importlib.util
import pathlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Packages of formulas: the lines of their __init__.py say which classes they have.
_FORMULAS = ("augment", "losses", "objectives", "penalties", "samplers")
# of which no object is saved
_BASES = {"Augment", "Codes", "Flow", "Objective", "Penalty", "Sampler", "Seen", "Selection", "Way"}


def _named_in(package: str) -> tuple[str, ...]:
    """Returns the classes that a package's __init__.py imports, without importing it, which would start TensorFlow."""
    text = (pathlib.Path(__file__).parent / package / "__init__.py").read_text("utf-8")
    lines = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]
    own = [line for line in lines if str(line.module).startswith(f"tfgen.{package}.")]
    names = [alias.name for line in own for alias in line.names if alias.name[0].isupper()]
    return tuple(name for name in names if name not in _BASES)


# module -> the classes in it that a saved file can name
CLASSES = {
    **{f"tfgen.{package}": _named_in(package) for package in _FORMULAS},
    "tfgen.averaging": ("Power",),
    "tfgen.families.adversarial.balanced": ("BalancedModel",),
    "tfgen.families.adversarial.bidirectional": ("BidirectionalModel",),
    "tfgen.families.adversarial.classifying": ("AuxiliaryClassifierModel", "Classifying", "ClassifyingModel"),
    "tfgen.families.adversarial.infogan": ("CodedPrior", "InfoModel"),
    "tfgen.families.adversarial.matching": ("MatchingModel",),
    "tfgen.families.adversarial.model": ("AdversarialModel",),
    "tfgen.families.adversarial.packing": ("PackedModel",),
    "tfgen.families.adversarial.semi_supervised": ("SemiSupervisedModel", "SupervisedModel"),
    "tfgen.families.autoregressive.agnostic": ("OrderAgnosticModel",),
    "tfgen.families.autoregressive.model": ("AutoregressiveModel", "GatedModel", "MaskedModel"),
    "tfgen.families.discriminating": ("Discriminating",),
    "tfgen.families.exact.model": ("ExactModel",),
    "tfgen.families.flow.coupling": ("CouplingModel",),
    "tfgen.families.flow.latent": ("LatentFlow",),
    "tfgen.families.flow.mean": ("MeanFlow",),
    "tfgen.families.flow.model": ("FlowModel",),
    "tfgen.families.latent": ("LatentModel",),
    "tfgen.families.translation.cycle": ("CycleTranslation",),
    "tfgen.families.translation.model": ("PairedTranslation", "TranslationModel"),
    "tfgen.families.variational.adversarial": ("AdversarialAutoencoder", "FactorModel", "VariationalGAN"),
    "tfgen.families.variational.autoencoder": ("Autoencoder", "AutoencodingModel"),
    "tfgen.families.variational.inverse_flow": ("InverseFlowModel",),
    "tfgen.families.variational.ladder": ("LadderModel",),
    "tfgen.families.variational.model": ("VariationalModel",),
    "tfgen.families.variational.quantized": ("QuantizedModel",),
    "tfgen.families.variational.regularized": ("RegularizedAutoencoder", "WassersteinAutoencoder"),
    "tfgen.families.variational.two_stage": ("TwoStageModel",),
    "tfgen.families.variational.vamp": ("VampModel",),
    "tfgen.fitted": ("Mixture", "TwoStage"),
    "tfgen.interpolants": ("Cosine", "LinearBetas", "Straight"),
    "tfgen.likelihoods": ("Bernoulli", "DiscretizedLogistic", "Gaussian"),
    "tfgen.networks.spectral": ("SpectralNormalization",),
    "tfgen.optimizers.fused": ("FusedAdam", "RampedSGD"),
    "tfgen.optimizers.schedules": ("Floor", "Warmup"),
    "tfgen.priors": ("Normal", "Spherical", "Uniform"),
    "tfgen.texts": ("HashedNgrams",),
    "tfgen.training.model": ("GenerativeModel",),
}


def import_classes() -> None:
    """Imports all classes that a saved file can name, which registers them with Keras."""
    for module in CLASSES:
        importlib.import_module(module)


def register() -> None:
    """Makes Keras know a stand-in of every class, now or as soon as Keras is imported."""
    keras = sys.modules.get("keras")
    if keras is None:
        sys.meta_path.insert(0, _AfterKeras())
    else:
        _register_with(keras)


def _register_with(keras: ModuleType) -> None:
    known = keras.saving.get_custom_objects()
    for module, names in CLASSES.items():
        for name in names:
            known.setdefault(f"tfgen>{name}", _stand_in(module, name))


def _stand_in(module: str, name: str) -> type:
    """Returns a class with the `from_config` of the class `name` of `module`, which is imported when it is used."""

    def from_config(cls: type, config: dict[str, Any]) -> Any:
        import_classes()
        return getattr(importlib.import_module(module), name).from_config(config)

    return type(name, (), {"from_config": classmethod(from_config)})


class _AfterKeras(importlib.abc.MetaPathFinder):
    """A finder that finds nothing itself; it has the stand-ins registered after Keras has been imported."""

    _asked = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras" or self._asked:
            return None
        self._asked = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._asked = False
        if spec is not None and spec.loader is not None:
            # not here: TensorFlow looks for the specification of Keras without importing it
            spec.loader.exec_module = self._registering(spec.loader.exec_module)  # type: ignore
        return spec

    def _registering(self, execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            _register_with(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)

        return execute_and_register
