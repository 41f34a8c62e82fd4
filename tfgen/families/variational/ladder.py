"""Ladder VAE: several layers of latents, each with the posterior that evidence and the layers above agree on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgen import priors, samplers
from tfgen.diagnosis.rules import Rule
from tfgen.distribution.replicas import mean_over_replicas
from tfgen.domains import NotNegative
from tfgen.errors import UserError
from tfgen.families.variational import probes, rules
from tfgen.families.variational.model import Densities, Drawn, VariationalModel, repeated
from tfgen.networks.building import input_shape
from tfgen.priors import Prior
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step

Pick = Callable[[int, tf.Tensor, tf.Tensor], tf.Tensor]


class Evidence(NamedTuple):
    """q(u_l|x, layers above) of one layer, N(mean, exp(log_var)), float32 [N, D_l]."""

    mean: tf.Tensor
    log_var: tf.Tensor


class LadderModel(VariationalModel):
    """p(z) = p(z_L) p(z_(L-1)|z_L) ... p(z_1|z_2, ..., z_L) and q(z|x) = q(z_L|x) q(z_(L-1)|x, z_L) ...: L layers.

    Below the top, q(z_l|x, ...) is the product of p(z_l|...) and of what the encoder says of z_l, weighted by their
    precisions (Sønderby et al. 2016, equations 17 to 19). A latent is u = (u_L, ..., u_1), one vector, the top layer
    first, with z_l = mean_l + sd_l u_l in the units of p(z_l|...): so p(u) = N(0, I), and samples, bounds, chains and
    interpolations are those of a VAE with the latent u.

    Args:
        encoder: `image` -> `mean_l`, `log_var_l` [B, D_l] of every layer l, 1 the lowest.
        decoder: {`latent` [B, D_1], `state`} -> as of `AutoencodingModel`.
        down: of the layers 1, ..., L - 1: {`latent` [B, D_(l + 1)], and below the top `state`} -> `mean`, `log_var`
            [B, D_l], `state`; see `tfgen.networks.ladder`.
        top_prior: `component` int64 [N] -> `mean`, `log_var` [N, D_L]: p(z_L) is the mean of these normal
            distributions; None: N(0, I).
        free_bits: nats of each layer's divergence, of the mean over a batch, below which it costs nothing in training
            (Kingma et al. 2016, equation 15).
        **options: of `VariationalModel`, `prior` excepted.

    Raises:
        UserError: the objective is of a normal q(z|x), or is not of the divergences that are to be free.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        down: list[keras.Model],
        top_prior: keras.Model | None = None,
        *,
        free_bits: NotNegative = 0.0,
        **options: Any,
    ) -> None:
        networks = {f"down_{number}": network for number, network in enumerate(down, 1)}
        networks |= {} if top_prior is None else {"top_prior": top_prior}
        self.kept = ("encoder", "decoder", *networks)
        super().__init__(encoder, decoder, networks=networks, prior=priors.normal(), **options)
        self.free_bits, self.layer_count = free_bits, len(down) + 1
        # of the layers from the top: what each network above gives, and the decoder takes last
        takers = [*reversed(down), decoder]
        self.sizes = [int(input_shape(network, "latent")[-1]) for network in takers]  # type: ignore[index]
        self.latent_dim = sum(self.sizes)
        self.components = 0 if top_prior is None else int(top_prior.get_layer("mean").input_dim)
        if free_bits and not self.objective.of_divergences:
            raise UserError(
                f"{self.name}: the objective {type(self.objective).__name__} is of single draws, without the "
                "divergences of which free_bits are free: leave free_bits out, or take elbo"
            )
        if self.objective.needs_whole_batch:
            raise UserError(
                f"{self.name}: the objective {type(self.objective).__name__} is of a normal q(z|x), and here there are "
                "several layers: expected elbo, capacity, iwae or miwae"
            )

    @property
    def phases(self) -> list[Phase]:
        """One update of all networks."""
        return [Phase("elbo", tuple(self.networks), "elbo", self.elbo_terms)]

    @property
    def needs_whole_batch(self) -> str | None:
        """The reason why a batch with free bits cannot be accumulated."""
        return "free_bits compares divergences of the whole batch" if self.free_bits else None

    @property
    def samples_kl(self) -> bool:  # type: ignore[override]
        """Whether the divergence has no closed form, and is estimated."""
        return self.components > 0

    # The way down.

    def descended(self, count: tf.Tensor, step: Step, pick: Pick) -> Fields:
        """Returns the decoder's outputs at z_l [count, D_l] that `pick(l, mean, log_var)` chooses, given p(z_l|...)."""
        mean = log_var = tf.zeros([count, self.sizes[0]])
        state: Fields = {}
        for number in range(self.layer_count, 0, -1):
            fields = {"latent": pick(number, mean, log_var), **state}
            if number > 1:
                made = step.run(f"down_{number - 1}", fields)
                state, (mean, log_var) = {"state": made["state"]}, (tf.cast(made[n], tf.float32) for n in HEADS)
        return self.likelihood_outputs(step.run("decoder", fields))

    def decode(self, latents: tf.Tensor, batch: Fields, step: Step) -> Fields:
        """Returns the decoder's outputs, float32 by name, from latents u [N, D]."""
        parts = dict(zip(range(self.layer_count, 0, -1), tf.split(latents, self.sizes, axis=-1), strict=True))
        return self.descended(
            tf.shape(latents)[0], step, lambda number, mean, log_var: mean + tf.exp(0.5 * log_var) * parts[number]
        )

    def inferred(self, said: Fields, step: Step, epsilon: tf.Tensor | None) -> tuple[Fields, tf.Tensor, Fields]:
        """Returns q(u|x) along the way of one draw, u, and the decoder's outputs there.

        Args:
            said: `mean_l`, `log_var_l` [N, D_l] of the encoder.
            step: of the networks.
            epsilon: [N, D] ~ N(0, I); None: every layer at its mean.

        Returns:
            ({`z_mean`, `z_log_var`} [N, D], u [N, D], outputs [N, H, W, C] by name).
        """
        found: list[Evidence] = []
        drawn: list[tf.Tensor] = []
        noise = None if epsilon is None else tf.split(epsilon, self.sizes, axis=-1)

        def pick(number: int, mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
            own = said[f"mean_{number}"], said[f"log_var_{number}"]
            q = Evidence(*own) if number == self.layer_count else agreed(*own, mean, log_var)
            u = q.mean if noise is None else q.mean + tf.exp(0.5 * q.log_var) * noise[len(found)]
            found.append(q)
            drawn.append(u)
            return mean + tf.exp(0.5 * log_var) * u

        decoded = self.descended(tf.shape(said["mean_1"])[0], step, pick)
        mean, log_var = (tf.concat(parts, axis=-1) for parts in zip(*found, strict=True))
        return {"z_mean": mean, "z_log_var": log_var}, tf.concat(drawn, axis=-1), decoded

    # The hooks of the base.

    def posterior(self, batch: Fields, step: Step) -> Fields:
        """Returns what the encoder says, and q(u|x) [B, D] where every layer above is at its mean."""
        said = self.codes(batch, step)
        return {**self.inferred(said, step, None)[0], **said}

    def draw(self, posterior: Fields, step: Step, samples: int) -> tf.Tensor:
        """Returns u ~ q(u|x), [L, B, D]."""
        said = {name: value for name, value in posterior.items() if name not in ("z_mean", "z_log_var")}
        return self._draws(said, step, samples)[1]

    def _draws(self, said: Fields, step: Step, samples: int) -> tuple[Fields, tf.Tensor, Fields]:
        """Returns as `inferred` of so many draws for each image, the first two [L, B, D], the outputs [L B, ...]."""
        count = tf.shape(said["mean_1"])[0]
        # drawn as [B, L, D]: replicas and micro-batches take their rows along the first axis
        epsilon = tf.transpose(step.noise.normal("epsilon", [count, samples, self.latent_dim]), [1, 0, 2])
        epsilon = tf.reshape(epsilon, [-1, self.latent_dim])
        q, u, decoded = self.inferred(repeated(said, samples), step, epsilon)
        shape = [samples, count, self.latent_dim]
        return {name: tf.reshape(value, shape) for name, value in q.items()}, tf.reshape(u, shape), decoded

    def drawn(self, batch: Fields, step: Step, samples: int) -> Drawn:
        """Returns draws, and in `posterior` the q(u|x) of each [L, B, D], and their log p(x|u) [L, B]."""
        x, batch = self.prepared(batch, step)
        q, u, decoded = self._draws(self.codes(batch, step), step, samples)
        log_px = self.likelihood.log_prob(repeated({"x": x}, samples)["x"], decoded)
        return Drawn(x, batch, {**q, "log_px": tf.reshape(log_px, [samples, -1])}, u, samples)

    def densities(self, drawn: Drawn, step: Step) -> Densities:
        """Returns log p(x|u), log p(u), log q(u|x) [L, B], and the sum of the layers' divergences [B]."""
        log_pu, log_qu = self.log_top(drawn.z, step), self.log_posterior(drawn.z, drawn.posterior)
        return drawn.posterior["log_px"], log_pu, log_qu, tf.add_n(self.divergences(drawn, step))

    def elbo_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns the objective's terms, of which divergences below `free_bits` are free; logs those of every layer."""
        drawn = self.drawn(batch, step, self.samples)
        kls = self.divergences(drawn, step)
        means = mean_over_replicas([tf.reduce_mean(kl) for kl in kls])
        for number, mean in zip(range(self.layer_count, 0, -1), means, strict=True):
            step.log(f"kl_{number}", mean)
        densities = self.densities(drawn, step)[:3]
        if not self.free_bits:
            return self.bound_terms((*densities, tf.add_n(kls)), step)
        kls = [freed(kl, mean, self.free_bits) for kl, mean in zip(kls, means, strict=True)]
        terms = self.bound_terms((*densities, tf.add_n(kls)), step)
        step.log("kl", tf.add_n(list(means)))  # a logged `kl` is the divergence itself
        return {"freed_kl" if name == "kl" else name: value for name, value in terms.items()}

    def divergences(self, drawn: Drawn, step: Step) -> list[tf.Tensor]:
        """Returns E KL(q(u_l|x, ...) || p(u_l)) [B] of each layer, from the top, the mean over draws of those above.

        In closed form, but for a top whose prior is a mixture: there log q - log p of the draws.
        """
        kl = priors.normal().kl(drawn.posterior["z_mean"], drawn.posterior["z_log_var"])
        found = [tf.reduce_mean(tf.reduce_sum(part, axis=-1), axis=0) for part in tf.split(kl, self.sizes, axis=-1)]
        if self.components:
            top = drawn.z[..., : self.sizes[0]]
            mean, log_var = (drawn.posterior[name][..., : self.sizes[0]] for name in ("z_mean", "z_log_var"))
            log_q = tf.reduce_sum(priors.normal_log_prob(top, mean, log_var), axis=-1)
            found[0] = tf.reduce_mean(log_q - self.log_mixture(top, step), axis=0)
        return found

    def kl(self, posterior: Fields) -> tf.Tensor | None:
        """Returns the divergence [B] along the way of the means; None of a mixture."""
        return None if self.components else super().kl(posterior)

    # The top's prior.

    def log_top(self, u: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns log p(u) [L, B] in nats."""
        if not self.components:
            return self.prior.log_prob(u)
        top, rest = u[..., : self.sizes[0]], u[..., self.sizes[0] :]
        return self.log_mixture(top, step) + self.prior.log_prob(rest)

    def log_mixture(self, z: tf.Tensor, step: Step) -> tf.Tensor:
        """Returns log 1/K sum_k N(z; mean_k, exp(log_var_k)) [L, B], of z [L, B, D_L]."""
        at = step.run("top_prior", {"component": tf.range(self.components, dtype=tf.int64)})
        return priors.mixture_log_prob(z, at["mean"], at["log_var"])

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns u ~ p(u), float32 [B, latent_dim], row i from seeds[i] alone."""
        u = super().latents_from_seeds(seeds, networks)
        if not self.components:
            return u
        chosen = samplers.uniform_rows(seeds, [1], "component")[:, 0]
        number = tf.minimum(tf.cast(chosen * self.components, tf.int64), self.components - 1)
        at = self.inference("sample", networks).run("top_prior", {"component": number})
        top = at["mean"] + tf.exp(0.5 * at["log_var"]) * u[:, : self.sizes[0]]
        return tf.concat([top, u[:, self.sizes[0] :]], axis=-1)

    @property
    def chain_prior(self) -> Prior:
        """N(0, I), of u."""
        if self.components:
            raise UserError(f"{self.name} has a learned prior at its top: chains know plain priors alone")
        return self.prior

    # Beyond training.

    def reconstructed(self, batch: Fields, step: Step) -> Fields:
        """Returns the decoder's outputs where every layer is at its mean."""
        return self.inferred(self.codes(batch, step), step, None)[2]

    def encode(
        self,
        images: Any,
        label: Any = None,
        *,
        conditions: dict[str, Any] | None = None,
        networks: Networks | None = None,
    ) -> Fields:
        """Returns `z_mean` and `z_log_var` of q(u|x), float32 [B, D]: all layers, the top first, each at its mean."""
        step = self.inference("encode", networks)
        batch = self.prepared(self.fields_with(images, self.with_label(label, conditions), "encoder"), step)[1]
        return self.inferred(self.codes(batch, step), step, None)[0]

    encode_images = encode

    def probes(self) -> list[Callable]:
        """Returns the probes of the base, and that of the layers."""
        return [*super().probes(), probes.layers]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules of the base, with one of layers in the place of those of single latents."""
        # many latents of a map say nothing of most images, and cost nothing
        return (*(rule for rule in super().rules() if rule.name not in rules.OF_SINGLE_LATENTS), *rules.LAYER_RULES)


HEADS = ("mean", "log_var")


def freed(kl: tf.Tensor, mean: tf.Tensor, free: float) -> tf.Tensor:
    """Returns divergences [B] whose mean over the batch costs max(mean, free); at `free` they have no gradient."""
    return tf.where(mean > free, kl, free)


def agreed(said: tf.Tensor, said_log_var: tf.Tensor, mean: tf.Tensor, log_var: tf.Tensor) -> Evidence:
    """Returns the product of N(said, exp(said_log_var)) and N(mean, exp(log_var)), in units of the second one.

    With precisions a of the first and b of the second it has the mean (a said + b mean) / (a + b) and the variance
    1 / (a + b); of (z - mean) / sd that is the mean (said - mean) / sd * a / (a + b), and the variance b / (a + b).
    """
    surprise = log_var - said_log_var  # log(a / b)
    return Evidence((said - mean) * tf.exp(-0.5 * log_var) * tf.sigmoid(surprise), -tf.math.softplus(surprise))
