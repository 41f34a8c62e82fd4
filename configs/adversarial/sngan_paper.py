"""Miyato et al. 2018, section 4.1 and table 4: SNGAN with residual networks on CIFAR-10.

    python -m tfgen.run --config=sngan_paper

z: N(0, I) in 128 dimensions; hinge loss; five updates of D per update of G; Adam 2e-4 with beta_1 = 0 and beta_2 = 0.9;
batches of 64, 50,000 updates of G. The paper reports an FID of 21.7. Different here: the rate is constant, where the
paper's falls linearly; both networks have 128 channels (the paper's generator 256), and D has one block at the last
size.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="sngan",
        dataset="cifar10",
        batch_size=64,
        steps=50_000,
        options={
            "latent_dim": 128,
            "prior": "normal",
            "width": 128,
            "discriminator_steps": 5,
            "learning_rate": 2e-4,
            "beta_1": 0.0,
            "beta_2": 0.9,
            "ema": None,
        },
    )
