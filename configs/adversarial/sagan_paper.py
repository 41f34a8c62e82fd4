"""Zhang et al. 2019, section 4: SAGAN, on CelebA at 64 x 64 instead of ImageNet at 128 x 128.

    python -m tfgen.run --config=sagan_paper

Of the paper and the authors' code (brain-research/self-attention-gan): z: N(0, I) in 128 dimensions; hinge loss;
spectral normalisation in both networks; Adam 1e-4 for G and 4e-4 for D with beta_1 = 0 and beta_2 = 0.9; one update of
D per update of G, batches of 256 (64 on each of four devices), a million steps. Different here: no classes, so neither
conditional batch norm nor a projection; all maps have 128 channels (theirs: 64 at the image's size, doubled with every
halving); attention at 8 x 8 in G and 32 x 32 in D, where theirs is at 32 x 32 in both.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="sagan",
        dataset="celeb_a",
        image_size=64,
        batch_size=256,
        steps=1_000_000,
        options={
            "latent_dim": 128,
            "prior": "normal",
            "width": 128,
            "generator_learning_rate": 1e-4,
            "discriminator_learning_rate": 4e-4,
            "beta_1": 0.0,
            "beta_2": 0.9,
            "ema": None,
        },
    )
