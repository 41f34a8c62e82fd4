"""Tomczak and Welling 2018, section 5: VampPrior with one stochastic layer on dynamically binarised MNIST.

    python -m tfgen.run --config=vamp_vae_paper

As in the authors' code (jmtomczak/vae_vampprior, `experiment.py` and `models/VAE.py`): two gated layers of 300 in each
network, weights of He, 40 latents, 500 components, batches of 100, Adam 5e-4, the divergence weighted from 0 to 1 over
the first 100 epochs, of 500 batches there. Different here: Adam sees the gradients as they are, not divided by their
norms; 500 epochs in place of 2,000 that end after 50 without a better bound; no limits of log variances; learned images
that begin as training images and keep within 0..1 by a sigmoid; 5 % of the training images held out in place of 10,000.
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
            "activation": "gated",
            "stddev": "he",
            "latent_dim": 40,
            "components": 500,
            "binarize": "dynamic",
            "kl_warmup_steps": 50_000,
            "learning_rate": 5e-4,
        },
    )
