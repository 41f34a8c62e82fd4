"""Adaptive augmentation (Karras et al. 2020), its probability driven by what D says of held-out images (equation 1)."""

import tensorflow as tf

import tfgen
from plugin_models import networks


class AdaptiveAugmentation(tfgen.AdversarialModel):
    """p rises while r = (E[D_train] - E[D_held_out]) / (E[D_train] - E[D_generated]) is above its target."""

    def __init__(self, generator, discriminator, *, target=0.5, speed=0.05, **options):
        super().__init__(generator, discriminator, augment=tfgen.augment.translate(), **options)
        self.target, self.speed = target, speed
        self.p, self.means = self.add_state("p", 0.0), self.add_state("means", [0.0, 0.0])

    @property
    def phases(self):
        return [*super().phases, tfgen.Phase("adapt", terms=self.adapt_terms, every=2, split="validation")]

    def augmented(self, images, step):
        chosen = step.noise.uniform("chosen", [tf.shape(images)[0], 1, 1, 1]) < self.p.value
        return tf.where(chosen, super().augmented(images, step), images)

    def more_terms(self, phase, batch, real, fake, step):
        if real is not None:
            step.assign(self.means, tf.stack([tf.reduce_mean(step.gather(j.logit)) for j in (real, fake)]))
        return {}

    def adapt_terms(self, batch, step):
        held_out = tf.reduce_mean(step.gather(self.judge(self.real_fields(batch, step), step)["logit"]))
        train, fake = tf.unstack(self.means.value)
        overfitting = (train - held_out) / (train - fake + 1e-6)
        p = tf.clip_by_value(self.p.value + self.speed * tf.sign(overfitting - self.target), 0.0, 1.0)
        step.assign(self.p, p)
        step.log("augment_p", p)
        return {}


@tfgen.register_model("adaptive_augmentation")
def adaptive_augmentation(fields, *, latent_dim: int = 4, width: int = 16, seed: int = 0):
    """GAN whose augmentation follows its overfitting."""
    shape = fields["image"].shape
    pair = networks.generator(shape, latent_dim, width), networks.discriminator(shape, width)
    model = AdaptiveAugmentation(*pair, latent_dim=latent_dim, fields={"image": fields["image"]}, seed=seed)
    model.compile()
    return model
