"""Van den Oord et al. 2017, section 4.1: VQ-VAE on CIFAR-10.

    python -m tfgen.run --config=vq_vae_paper

8 x 8 numbers of 512 vectors, networks of 256 channels, beta 0.25, Adam at 2e-4, batches of 128, 250,000 steps; then a
PixelCNN of the numbers. The paper reports 4.67 bits per dimension, of 8 x 8 x 10 numbers. Different here: one number
per place; pixels have a logistic distribution; codes that are hardly used begin anew; the prior is trained for as many
steps as the autoencoder, of which the paper says nothing.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vq_vae",
        dataset="cifar10",
        batch_size=128,
        steps=500_000,
        stages="autoencoder:250000,prior",
        options={
            "codes": 512,
            "latent_dim": 64,
            "width": 256,
            "likelihood": "discretized_logistic",
            "prior_width": 128,
            "prior_blocks": 12,
            "learning_rate": 2e-4,
        },
    )
