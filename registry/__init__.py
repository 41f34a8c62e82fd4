"""Names of models and data sets, and the distributions that provide them. Standard library only."""

from registry.core import Registry
from registry.errors import BrokenPlugin, DuplicateName, RegistryError, UnknownName, closest, nearest

# `tfgen` reads this to tell the package from another `registry` that shadows it.
DISTRIBUTION = "keras-tfgen"

__all__ = ["BrokenPlugin", "DuplicateName", "Registry", "RegistryError", "UnknownName", "closest", "nearest"]
