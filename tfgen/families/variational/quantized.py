"""VQ-VAE: an autoencoder with a codebook, and a prior of the grid of its codes (van den Oord et al. 2017)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgen import samplers
from tfgen.diagnosis.rules import Rule
from tfgen.domains import NotNegative, Proportion
from tfgen.errors import UserError
from tfgen.families.autoregressive.partial import by_rows
from tfgen.families.variational import charts, codebook, probes, rules, scores
from tfgen.families.variational.autoencoder import AutoencodingModel
from tfgen.families.variational.model import Densities
from tfgen.families.variational.vamp import Learned
from tfgen.metrics.score import HeldOut
from tfgen.networks.building import output_shape
from tfgen.noise import Noise
from tfgen.priors import Prior
from tfgen.training.charts import Chart
from tfgen.training.phases import Phase
from tfgen.training.step import Fields, Networks, Step


class Quantized(NamedTuple):
    """The codes of a batch of B images, each a grid of h w vectors.

    Attributes:
        z: what the encoder gives, float32 [B, h, w, D].
        codes: numbers of the nearest vectors, int64 [B, h w].
        vectors: these, float32 [B, h, w, D].
        errors: the squared distances of the two, float32 [B, h w].
        table: the codebook, float32 [K, D].
    """

    z: tf.Tensor
    codes: tf.Tensor
    vectors: tf.Tensor
    errors: tf.Tensor
    table: tf.Tensor


class QuantizedModel(AutoencodingModel):
    """VQ-VAE: the decoder sees the nearest vectors of a codebook, whose numbers an autoregressive prior learns.

    Two phases, one stage of training each: `autoencoder` and `prior`. The gradient passes from the decoder to the
    encoder as if nothing lay between; the codebook has none, and follows what it stands for by moving averages. A
    latent is a grid of vectors, row by row, as one vector of h w D numbers.

    Args:
        encoder: `image` [B, H, W, C] in `value_range` -> `latent` [B, h, w, D].
        decoder: as of `AutoencodingModel`, from `latent` [B, h w D].
        codebook: `code` int64 [N] -> vectors [N, D]; see `tfgen.networks.quantized.code_table`.
        prior_network: `code` [B, h, w, D] -> `logits` [B, h, w, K]; see `tfgen.networks.pixelcnn.pixelcnn_of_codes`.
        commitment: weight of the squared distance of the encoder's vectors to their codes, beta of equation 3.
        decay: of the moving averages.
        restart_below: codes that are used less than this part of the mean begin anew at vectors that are far from
            their codes; 0: they stay.
        **options: of `AutoencodingModel`; `ema` keeps an average of the prior's network alone, since encoder, codebook
            and decoder belong together.
    """

    default_optimizers = {"autoencoder": {"learning_rate": 1e-3}, "prior": {"learning_rate": 1e-3}}
    kept = ("prior",)
    needs_whole_batch = "the codebook follows all codes of a batch"

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        codebook: keras.Model,
        prior_network: keras.Model,
        *,
        commitment: NotNegative = 0.25,
        decay: Proportion = 0.99,
        restart_below: Proportion = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(encoder, decoder, networks={"codebook": codebook, "prior": prior_network}, **options)
        self.prior: Prior = Learned()
        self.commitment, self.decay, self.restart_below = commitment, decay, restart_below
        self.code_shape = output_shape(encoder, self.data_shape)
        table = codebook.get_layer("vectors")
        self.codes_known, size = int(table.input_dim), int(table.output_dim)
        if self.code_shape[-1] != size:
            raise UserError(
                f"{self.name}: the encoder gives vectors of {self.code_shape[-1]} numbers, the codebook of {size}"
            )
        self.add_state("code_counts", tf.zeros([self.codes_known]).numpy(), of=["codebook"])
        self.add_state("code_sums", tf.zeros([self.codes_known, size]).numpy(), of=["codebook"])

    @property
    def phases(self) -> list[Phase]:
        """The autoencoder, then the prior of its codes."""
        coders = ("encoder", "decoder", "codebook")
        return [
            Phase("autoencoder", coders, "autoencoder", self.autoencoder_terms),
            Phase("prior", ("prior",), "prior", self.prior_terms),
        ]

    # Training.

    def quantized(self, batch: Fields, step: Step) -> Quantized:
        """Returns the codes of a prepared batch."""
        z = next(iter(super().codes(batch, step).values()))
        table = tf.cast(step.run("codebook", {"code": tf.range(self.codes_known, dtype=tf.int64)}), tf.float32)
        codes, errors = codebook.nearest(tf.reshape(z, [-1, z.shape[-1]]), table)
        codes, errors = (tf.reshape(value, [tf.shape(z)[0], -1]) for value in (codes, errors))
        return Quantized(z, codes, tf.reshape(tf.gather(table, codes), tf.shape(z)), errors, table)

    def codes(self, batch: Fields, step: Step) -> Fields:
        """Returns `latent` [B, h w D], the vectors of the codes, and `codes`, their numbers int64 [B, h w]."""
        found = self.quantized(batch, step)
        return {"latent": self.as_latent(found), "codes": found.codes}

    def as_latent(self, found: Quantized) -> tf.Tensor:
        """Returns the vectors of the codes as one, float32 [B, h w D], with the gradient of the encoder's vectors."""
        # e + (z - z), and not z + (e - z), whose rounding would make it another vector than that of the codebook
        through = tf.stop_gradient(found.vectors) + (found.z - tf.stop_gradient(found.z))
        return tf.reshape(through, [-1, self.latent_dim])

    def autoencoder_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -log p(x|z) in nats, and the commitment, the weighted squared distance of vectors to their codes."""
        x, batch = self.prepared(batch, step)
        found = self.quantized(batch, step)
        log_px = self.likelihood.log_prob(x, self.decode(self.as_latent(found), batch, step))
        step.log("perplexity", codebook.perplexity(self.follow(found, step).counts))
        away = tf.reduce_sum(tf.square(found.z - tf.stop_gradient(found.vectors)), axis=[1, 2, 3])
        return {"reconstruction": -tf.reduce_mean(log_px), "commitment": self.commitment * tf.reduce_mean(away)}

    def follow(self, found: Quantized, step: Step) -> codebook.Averages:
        """Moves the codebook to what its codes stand for, in all replicas' rows; returns the averages of their use."""
        own = (found.z, found.codes, found.errors, step.noise.uniform("restart", tf.shape(found.codes)))
        z, codes, errors, u = (step.gather(tf.stop_gradient(rows)) for rows in own)
        z, codes, errors, u = tf.reshape(z, [-1, z.shape[-1]]), *(tf.reshape(rows, [-1]) for rows in (codes, errors, u))
        counts, sums = self.states["code_counts"], self.states["code_sums"]
        moved = codebook.moved(codebook.Averages(counts.value, sums.value), z, codes, self.decay)
        if self.restart_below:
            drawn = codebook.drawn_rows(z, errors, u, self.codes_known)
            moved = codebook.revived(moved, drawn, self.restart_below)
        step.assign(counts, moved.counts)
        step.assign(sums, moved.sums)
        step.assign(self.networks["codebook"].get_layer("vectors").embeddings, codebook.centres(moved, found.table))
        return moved

    def prior_terms(self, batch: Fields, step: Step) -> Fields:
        """Returns -log p(codes), in nats per image."""
        return {"prior_nll": -tf.reduce_mean(self.log_codes(self.quantized(self.prepared(batch, step)[1], step), step))}

    def log_codes(self, found: Quantized, step: Step) -> tf.Tensor:
        """Returns log p(codes) [B] in nats, by the prior."""
        logits = step.run("prior", {"code": tf.stop_gradient(found.vectors)})["logits"]
        codes = tf.reshape(found.codes, tf.shape(logits)[:-1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(codes, tf.cast(logits, tf.float32))
        return -tf.reduce_sum(losses, axis=[1, 2])

    # Beyond training.

    def log_densities(self, batch: Fields, step: Step, samples: int) -> Densities:
        """Returns log p(x|z), log p(z) and log q(z|x) = 0 [L, B] in nats: q(z|x) is one grid of codes for certain.

        log p(x|z) + log p(z) is one of the terms of which p(x) is the sum, and so a bound.
        """
        x, batch = self.prepared(batch, step)
        found = self.quantized(batch, step)
        log_px = self.likelihood.log_prob(x, self.decode(self.as_latent(found), batch, step))
        log_px, log_pz = (tf.tile(value[None], [samples, 1]) for value in (log_px, self.log_codes(found, step)))
        return log_px, log_pz, tf.zeros_like(log_px), None

    def log_weights(self, batch: Fields, k: int, noise: Noise) -> tf.Tensor:
        """Returns log p(x, z) / q(z|x), float32 [k, B] in nats, k times the same: nothing is drawn."""
        log_px, log_pz, _, _ = self.log_densities(batch, self.inference_step(noise), k)
        return log_px + log_pz

    @property
    def chain_prior(self) -> Prior:
        """None: chains move in continuous latents."""
        raise UserError(f"{self.name} has discrete codes, in which chains cannot move: take the bound on log p(x)")

    def latents_from_seeds(self, seeds: tf.Tensor, networks: Networks | None = None) -> tf.Tensor:
        """Returns grids of vectors, float32 [B, latent_dim], which the prior draws in turn, row i by seeds[i] alone."""
        step = self.inference_step(Noise(self.seed, 0, "sample/"), networks)
        height, width, size = self.code_shape
        table = step.run("codebook", {"code": tf.range(self.codes_known, dtype=tf.int64)})
        partial = by_rows(step.networks["prior"], self.code_shape, codes=True)

        def turn(x: tf.Tensor, t: tf.Tensor, u: tf.Tensor, memory: Any) -> tuple[tf.Tensor, Any]:
            outputs, memory = partial.at(x, t, memory)
            vectors = tf.gather(table, quantile(outputs["logits"], u))
            here = tf.reshape(tf.one_hot(t, height * width), [1, height, width, 1])
            return x + here * vectors[:, None, None, :], memory  # it was 0 until now

        u = samplers.uniform_rows(seeds, [height * width], "codes")
        drawn = samplers.in_turns(u, self.code_shape, partial.memory, turn)
        return tf.reshape(drawn, [-1, height * width * size])

    def probes(self) -> list[Callable]:
        """Returns the probes of reconstructions and of the codebook."""
        return [*super().probes(), probes.codebook_use]

    def rules(self) -> tuple[Rule, ...]:
        """Returns the rules by which a diagnosis judges reconstructions and the codebook."""
        return (*super().rules(), *rules.CODEBOOK_RULES)

    def charts(self) -> tuple[Chart, ...]:
        """Returns the charts of both stages."""
        return charts.QUANTIZED_CHARTS

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of bounds."""
        return (*scores.PARTS, *scores.BOUNDS)

    def scores(self, held_out: HeldOut, settings: Any) -> tuple[dict, dict]:
        """Returns the scores of bounds, and no details."""
        return scores.bounds(self, held_out, settings), {}


def quantile(logits: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Returns the first number whose cumulated probability is above u [B] in [0, 1), int64 [B], of logits [B, K]."""
    below = tf.cumsum(tf.nn.softmax(logits), axis=-1) <= u[:, None]
    return tf.minimum(tf.reduce_sum(tf.cast(below, tf.int64), axis=-1), logits.shape[-1] - 1)
