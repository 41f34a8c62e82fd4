"""MADE with several masks: one network for many orders and connections of values (Germain et al. 2015, section 4)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.domains import Count
from tfgen.errors import UserError
from tfgen.families.autoregressive.model import AutoregressiveModel, as_float32
from tfgen.families.autoregressive.partial import Partial
from tfgen.networks.calling import mode, select_inputs
from tfgen.networks.masked import apply_masks, degrees, masked, outputs_at
from tfgen.training.model import GenerativeModel
from tfgen.training.step import Fields, Step


class OrderAgnosticModel(AutoregressiveModel):
    """MADE whose kernels are masked anew in every step, by one of several masks in turn (sections 4.1 and 4.2).

    Its density is the mean over the masks, p(x) = 1/K sum_k p_k(x). Samples are drawn, and networks exported, by the
    first mask alone, whose density p_0 is one of them.

    Args:
        density: of `tfgen.networks.masked.masked_network`, whose kernels have no zeros of their own.
        masks: K. Each has random degrees of the hidden units, and with `order="random"` an order of its own.
        **options: of `AutoregressiveModel`.
    """

    def __init__(self, density: keras.Model, *, masks: Count, **options: Any) -> None:
        super().__init__(density, **options)
        self.masks = int(masks)

    def check_start(self, source: GenerativeModel) -> None:
        """Raises UserError where the weights of another model are of other masks, which follow from its seed."""
        super().check_start(source)
        if getattr(source, "masks", 1) > 1 and source.seed != self.seed:
            raise UserError(f"init_from: there are other masks, which follow from the seed: give --seed={source.seed}")

    def turns_of(self, k: int) -> np.ndarray:
        """Returns `turns` of mask k."""
        return self.turns if k == 0 or self.order == "raster" else self.random(k).permutation(self.turns)

    def random(self, k: int) -> np.random.RandomState:
        """Returns a fresh stream of random numbers for mask k, the same in every process."""
        return np.random.RandomState([self.seed % 2**32, k])

    def masked_weights(
        self, network: keras.Model, k: int | tf.Tensor, variables: Sequence[keras.Variable]
    ) -> list[tf.Tensor]:
        """Returns the values of variables of a network under mask k."""
        each = [list(degrees(network, self.turns_of(i), self.random(i))) for i in range(self.masks)]
        found = {}
        for alike in zip(*each, strict=True):
            before, after = (tf.gather(np.stack([layer[side] for layer in alike]), k) for side in (1, 2))
            kernel = alike[0][0].kernel
            found[id(kernel)] = masked(kernel.value, before, after)
        return [found.get(id(variable), variable.value) for variable in variables]

    def log_density(self, x: tf.Tensor, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p_k(x) [B] in nats with the step's mask k in training, else that of the mean over all masks."""
        if step.training:
            return self.log_density_by(tf.math.floormod(step.index, self.masks), x, batch, step)
        each = [self.log_density_by(k, x, batch, step) for k in range(self.masks)]
        return tf.reduce_logsumexp(tf.stack(each), axis=0) - tf.math.log(float(self.masks))

    def log_density_by(self, k: int | tf.Tensor, x: tf.Tensor, batch: Fields, step: Step) -> tf.Tensor:
        """Returns log p_k(x) [B] in nats, by mask k."""
        network = step.networks["density"]
        inputs, others = select_inputs(network, batch), network.non_trainable_variables
        # no kernel of an average is trainable
        weights, states = (self.masked_weights(network, k, each) for each in (network.trainable_variables, others))
        outputs, updated = network.stateless_call(weights, states, inputs, **mode(network, step.training))
        if step.training and step.advance:
            for variable, value in zip(others, updated, strict=True):  # dropout goes on to its next mask
                variable.assign(value)
        return self.likelihood.log_prob(x, as_float32(outputs))

    def partial(self, network: keras.Model, conditions: Fields) -> Partial:
        """Returns how the outputs at one value are computed by the first mask, without those at others."""
        outputs, variables = outputs_at(network, self.likelihood), network.variables

        def at(x: tf.Tensor, place: tf.Tensor, weights: Sequence[tf.Tensor]) -> tuple[Any, Any]:
            with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
                return outputs(x, place), weights

        return Partial(at, lambda count: self.masked_weights(network, 0, variables))

    def exported_networks(self) -> dict[str, keras.Model]:
        """Returns those of the base, under the first mask."""
        networks = super().exported_networks()
        apply_masks(networks["density"], self.turns, self.random(0))
        return networks
