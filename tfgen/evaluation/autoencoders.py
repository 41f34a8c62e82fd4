"""What is said of models with an encoder: likelihood bounds, reconstruction, use of the latents."""

import math

from tfgen import metrics
from tfgen.metrics.score import Score, mean_of


def score_autoencoder(model, images, labels, protocol, *, k=100, seed=0, progress=None):
    """Scores of an autoencoder on held-out images.

    Args:
        model: a `VariationalModel` or `Autoencoder`.
        images: uint8 [N, H, W, C]. labels: their conditions, or None.
        protocol: what every figure states: the data and their number.
        k: samples of z for each image in `nll`.
        seed: of all draws.
        progress: called as progress(images done, N) in the bound, which takes longest.

    Returns:
        (dict of `Score`, dict of details): `reconstruction_error` (mean squared, pixels in [0, 1]); of a variational
        model also `elbo`, `reconstruction`, `kl` and `nll` in nats an image, `active_units`, and `bits_per_dimension`
        where p(x|z) is exact; `cross_entropy` and `kl` alone where it is no likelihood.
    """
    label = labels if model.conditional else None

    def stated(**parameters):
        return {**protocol, "likelihood": repr(model.likelihood), "parameters": {"seed": seed, **parameters}}

    errors = metrics.reconstruction_error(model, images, seed, label=label)
    scores = {"reconstruction_error": mean_of(errors["mse"], protocol=stated(unit="squared, of [0, 1]"))}
    if not hasattr(model, "log_prior"):
        return scores, {}
    parts = metrics.elbo_parts(model, images, seed=seed, label=label)
    for name, values in parts.items():
        scores[name] = mean_of(values, protocol=stated(samples=1, unit="nats"))
    if model.likelihood.exact:
        bound = metrics.importance_weighted_bound(model, images, k, seed, label=label, progress=progress)
        scores["nll"] = mean_of(-bound, protocol=stated(k=k, unit="nats, an upper bound"))
        scores |= bits(model, images, bound, stated, k, seed, label)
    units = metrics.active_units(model, images, seed=seed, label=label)
    scores["active_units"] = Score(int(units), protocol=stated(threshold=0.01, of=model.latent_dim))
    return scores, {}


def bits(model, images, bound, stated, k, seed, label):
    """bits_per_dimension: of the bound where p(x|z) is of pixel values, of one on dequantised pixels else."""
    likelihood, dims = model.likelihood, math.prod(model.image_shape)
    dequantized = not likelihood.discrete
    if dequantized:
        noisy = metrics.dequantize(images, seed)
        bound = metrics.importance_weighted_bound(model, noisy, k, seed, label=label)
    values = metrics.bits_per_dimension(bound, dims, likelihood, dequantized)
    return {"bits_per_dimension": mean_of(values, protocol=stated(k=k, dequantized=dequantized))}
