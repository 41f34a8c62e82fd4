"""Two-stage VAE (Dai and Wipf 2019): a second VAE learns the codes of the first, which stays as it is meanwhile."""

import tensorflow as tf

import tfgen
from plugin_models import networks


class TwoStage(tfgen.VariationalModel):
    """p(u) = N(0, I), p(z|u) and q(u|z) by the second pair of networks."""

    default_optimizers = {**tfgen.VariationalModel.default_optimizers, "second": {"learning_rate": 1e-3}}

    def __init__(self, encoder, decoder, second_encoder, second_decoder, **options):
        second = {"second_encoder": second_encoder, "second_decoder": second_decoder}
        super().__init__(encoder, decoder, networks=second, **options)

    @property
    def phases(self):
        trains = ("second_encoder", "second_decoder")
        return [*super().phases, tfgen.Phase("second", trains, "second", self.second_terms)]

    def second_terms(self, batch, step):
        """The negative ELBO of z ~ q(z|x)."""
        q = self.posterior(self.prepared(batch, step)[1], step)
        z = tf.stop_gradient(self.draw(q, step.scope("first"), 1)[0])
        code = step.run("second_encoder", {"code": z})
        u = code["mean"] + tf.exp(0.5 * code["log_var"]) * step.noise.normal("u", tf.shape(z))
        made = step.run("second_decoder", {"latent": u})
        log_pz = tf.reduce_sum(tfgen.priors.normal_log_prob(z, made["mean"], made["log_var"]), axis=-1)
        kl = tf.reduce_sum(self.prior.kl(code["mean"], code["log_var"]), axis=-1)
        return {"second_reconstruction": -tf.reduce_mean(log_pz), "second_kl": tf.reduce_mean(kl)}

    def latents_from_seeds(self, seeds, networks=None):
        return self.infer("second_decoder", {"latent": super().latents_from_seeds(seeds)}, networks)["mean"]


@tfgen.register_model("two_stage")
def two_stage(fields, *, latent_dim: int = 4, width: int = 16, first_steps: int = 100, seed: int = 0):
    """VAE whose codes a second VAE learns."""
    parts = *networks.coders(fields["image"].shape, latent_dim, width), *networks.code_coders(latent_dim, width)
    model = TwoStage(*parts, fields={"image": fields["image"]}, seed=seed)
    model.compile(stages=[(["elbo"], first_steps), (["second"], None)])
    return model
