"""A VAE under a class label (Sohn et al. 2015): only its networks are new."""

import tfgen
from plugin_models import networks


@tfgen.register_model("conditional_vae")
def conditional_vae(fields, *, latent_dim: int = 4, width: int = 16, learning_rate: float = 1e-3, seed: int = 0):
    """VAE under a class label."""
    shape, classes = fields["image"].shape, int(fields["label"].range[1])
    parts = networks.coders(shape, latent_dim, width, classes)
    model = tfgen.VariationalModel(*parts, fields={name: fields[name] for name in ("image", "label")}, seed=seed)
    model.compile(tfgen.make_optimizer("adam", learning_rate))
    return model
