"""Convolutional VAE on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=vae

Gray pixels under a Bernoulli cross-entropy: the loss is in nats per image, but it is not a likelihood. For a likelihood
add `--set=binarize=dynamic` or `--set=likelihood=discretized_logistic`. The learning rate falls along a cosine over all
steps: a run that is continued with more `--epochs` does not end as one that was never stopped, and says so; with
`--set=schedule=constant` it does.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vae",
        batch_size=64,
        epochs=20,
        schedule="cosine",
        options={"network": "conv", "latent_dim": 16, "width": 32, "learning_rate": 1e-3},
    )
