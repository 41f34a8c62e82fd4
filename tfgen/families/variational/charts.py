"""Charts of an autoencoder's training."""

from tfgen.training.charts import Chart

CHARTS = (
    Chart(
        "Negative ELBO in parts, mean of each epoch",
        {"reconstruction": "reconstruction", "cross_entropy": "cross-entropy", "kl": "KL(q(z|x) || p(z))"},
        file="history",
    ),
    Chart("Loss on training and on held-out images", {"loss": "training images", "held_out_loss": "held-out images"}),
    Chart("Variance of pixels that reconstructions explain", {"explained": "held-out images"}, axis={"high": 1.0}),
    Chart("Latents", {"active_units": "in use", "latents": "there are"}, axis={"low": 0.0}),
    Chart(
        "KL of single latents, nats",
        {"kl_latent_median": "median latent", "kl_latent_max": "busiest latent"},
        axis={"low": 0.0},
    ),
)

QUANTIZED_CHARTS = (
    Chart(
        "Negative log-likelihoods in nats, mean of each epoch",
        {"reconstruction": "reconstruction", "prior_nll": "codes, by the prior"},
        file="history",
    ),
    Chart("Variance of pixels that reconstructions explain", {"explained": "held-out images"}, axis={"high": 1.0}),
    Chart(
        "Codebook",
        {"codes": "codes", "codes_in_use": "in use", "code_perplexity": "perplexity"},
        axis={"low": 0.0},
    ),
)
