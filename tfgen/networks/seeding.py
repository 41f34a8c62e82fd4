"""Initial weights and layer names that are a function of a seed."""

import collections
import contextlib
import random
from collections.abc import Iterator

from keras.src.backend.common import global_state

_NAMES = "object_name_uids"  # Keras' private counters of layer names


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Makes initial weights and layer names, within the context, a function of `seed` and the code alone.

    Keras draws the seed of an initializer from Python's generator and numbers layers per process (dense, dense_1, ...).
    The context resets both, so that a model built twice has the same weights and names, and restores them at its end.
    """
    state, names = random.getstate(), global_state.get_global_attribute(_NAMES)
    random.seed(seed)
    global_state.set_global_attribute(_NAMES, collections.defaultdict(int))
    try:
        yield
    finally:
        random.setstate(state)
        global_state.set_global_attribute(_NAMES, names)
