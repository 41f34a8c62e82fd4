"""Tomczak and Welling 2018, section 5: VampPrior with one stochastic layer on dynamically binarised MNIST.

    python -m tfgen.run --config=vamp_vae_paper

Two layers of 300, 40 latents, 500 components, batches of 100, Adam 5e-4, the divergence weighted from 0 to 1 over the
first 100 epochs. Different here: tanh in place of gated layers, a fixed number of epochs in place of early stopping,
and learned images that begin as training images and keep within 0..1 by a sigmoid.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vamp_vae",
        dataset="mnist",
        batch_size=100,
        epochs=500,
        options={
            "network": "dense",
            "units": [300, 300],
            "activation": "tanh",
            "latent_dim": 40,
            "components": 500,
            "binarize": "dynamic",
            "kl_warmup_steps": 60_000,
            "learning_rate": 5e-4,
        },
    )
