"""Miyato et al. 2018, section 4.1 and table 4: SNGAN with residual networks on CIFAR-10.

    python -m tfgen.run --config=sngan_paper

Of the paper and the authors' code (pfnet-research/sngan_projection, `sn_cifar10_unconditional.yml`): z: N(0, I) in 128
dimensions; hinge loss; five updates of D per update of G; Adam 2e-4 with beta_1 = 0 and beta_2 = 0.9, its rate falling
linearly to 0; batches of 64, 50,000 updates of G. The paper reports an FID of 21.7. Different here: the rate falls in
100 stages; both networks have 128 channels (theirs: 256 in G); D halves the image three times with one block after that
(theirs: twice, and two blocks); initial weights of all layers are Glorot's (theirs: larger by the square root of 2 in
the blocks); an update of G sees 64 images (theirs: 128).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="sngan",
        dataset="cifar10",
        batch_size=64,
        steps=50_000,
        # 500 updates of G each, on 95 % of 50,000 images
        schedule={"name": "stages", "epochs": [3.37] * 100, "factors": [1 - i / 100 for i in range(100)]},
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
