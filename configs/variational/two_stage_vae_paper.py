"""Dai and Wipf 2019, section 5 and appendix: two-stage VAE on MNIST.

    python -m tfgen.run --config=two_stage_vae_paper

64 latents in both stages, a Gaussian likelihood whose variance is learned, a second stage of three layers of 1024,
batches of 64, Adam 1e-4. Different here: the convolutions are those of `vae`, the variance is learned per pixel and not
once for all, and rates are constant.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="two_stage_vae",
        dataset="mnist",
        batch_size=64,
        epochs=1200,
        stages="elbo:356000,second",
        options={
            "width": 64,
            "kernel_size": 4,
            "latent_dim": 64,
            "likelihood": "gaussian(None)",
            "hidden": [1024] * 3,
            "learning_rate": 1e-4,
        },
    )
