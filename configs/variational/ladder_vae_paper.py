"""Sønderby et al. 2016, section 3: ladder VAE on dynamically binarised MNIST.

    python -m tfgen.run --config=ladder_vae_paper

A warm-up of the divergence over 200 of 2000 epochs, batches of 256, Adam. The paper reports 81.74 nats with five layers
of 64, 32, 16, 8 and 4 numbers, after fine-tuning with several draws. Different here: convolutions, and so four layers,
maps of 14 x 14, 7 x 7 and 4 x 4 and a vector, with a path of maps from the top to the image; no batch normalisation.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ladder_vae",
        dataset="mnist",
        batch_size=256,
        epochs=2000,
        options={
            "latents": [2, 4, 8],
            "latent_dim": 32,
            "width": 32,
            "depth": 3,
            "blocks": 2,
            "binarize": "dynamic",
            "kl_warmup_steps": 200 * (57_000 // 256),
            "learning_rate": 1e-3,
        },
    )
