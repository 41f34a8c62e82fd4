"""AC-GAN (Odena et al. 2017): the discriminator also names the class, of real and of generated images."""

import tensorflow as tf

import tfgen
from plugin_models import networks


class AuxiliaryClassifier(tfgen.AdversarialModel):
    """Cross-entropies of the classes, from the outputs that the discriminator has given already."""

    def more_terms(self, phase, batch, real, fake, step):
        terms = {}
        for name, judged in {"real": real, "fake": fake}.items():
            if judged is not None:
                logits = judged.outputs["class_logits"]
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["label"], logits)
                terms[f"{phase}_{name}_class"] = tf.reduce_mean(loss)
        return terms


@tfgen.register_model("auxiliary_classifier")
def auxiliary_classifier(fields, *, latent_dim: int = 4, width: int = 16, seed: int = 0):
    """GAN whose discriminator classifies, too."""
    shape, classes = fields["image"].shape, int(fields["label"].range[1])
    pair = networks.generator(shape, latent_dim, width, classes), networks.discriminator(shape, width, classes)
    fields = {name: fields[name] for name in ("image", "label")}
    model = AuxiliaryClassifier(*pair, latent_dim=latent_dim, fields=fields, seed=seed)
    model.compile()
    return model
