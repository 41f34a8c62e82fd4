"""CycleGAN (Zhu et al. 2017): two translators and two discriminators, on images of two domains that are not paired."""

import tensorflow as tf

import tfgen
from plugin_models import networks

WAYS = {"forth": ("image", "other", "back"), "back": ("other", "image", "forth")}  # translator -> from, to, its inverse


class CycleGAN(tfgen.GenerativeModel):
    """Least squares against each domain's discriminator, and 10 |G(F(x)) - x|; `translate` goes from image to other."""

    default_optimizers = dict.fromkeys(("translators", "judges"), {"learning_rate": 2e-4, "beta_1": 0.5})
    sampling_network = "forth"

    def __init__(self, networks, **options):
        super().__init__(networks, makes="other", value_range=(-1.0, 1.0), **options)

    @property
    def phases(self):
        judges = tfgen.Phase("judges", ("of_image", "of_other"), "judges", self.judge_terms)
        return [tfgen.Phase("translators", ("forth", "back"), "translators", self.translator_terms), judges]

    @property
    def sampler(self):
        return tfgen.samplers.translation()

    def translator_terms(self, batch, step):
        terms = {}
        for way, (source, target, inverse) in WAYS.items():
            made = step.run(way, {"image": batch[source]})
            terms[f"{way}_loss"] = tfgen.losses.least_squares.generator_loss(step.run(f"of_{target}", {"image": made}))
            terms[f"{way}_cycle"] = 10.0 * tf.reduce_mean(tf.abs(step.run(inverse, {"image": made}) - batch[source]))
        return terms

    def judge_terms(self, batch, step):
        terms = {}
        for way, (source, target, _) in WAYS.items():
            pair = batch[target], step.run(way, {"image": batch[source]})
            logits = [step.run(f"of_{target}", {"image": images}) for images in pair]
            terms[f"of_{target}_loss"] = tfgen.losses.least_squares.discriminator_loss(*logits)
        return terms


@tfgen.register_model("own_cyclegan")
def own_cyclegan(fields, *, width: int = 8, seed: int = 0):
    """Translation between two domains of images."""
    parts = networks.translation(fields["image"].shape, width)
    model = CycleGAN(parts, fields={name: fields[name] for name in ("image", "other")}, seed=seed)
    model.compile()
    return model
