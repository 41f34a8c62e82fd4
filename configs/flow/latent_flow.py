"""A flow of codes on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=latent_flow

The first 1200 steps train the autoencoder, 28 x 28 to codes of 7 x 7 x 8, the others the flow of its codes, whose
average serves as well at any time: no rate that ends. `latent_flow_fashion_mnist` is the recipe for the whole set, with
the autoencoders that were tried; `latent_flow_paper` has the settings of Rombach et al. 2022.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="latent_flow",
        batch_size=64,
        epochs=26,
        stages="autoencoder:1200,flow",
        options={
            "code_channels": 8,
            "code_width": 16,
            "code_noise": 0.15,
            "network": "unet",
            "width": 64,
            "depth": 1,
            "attention": 4,
            "times": "logit_normal",
            "condition": "label",
            "sampler": "heun(10)",
            "learning_rate": 1e-3,
            "autoencoder_learning_rate": 2e-3,
            "ema": 0.9995,
        },
    )
