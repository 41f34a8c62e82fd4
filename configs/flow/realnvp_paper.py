"""Dinh et al. 2017, section 4.1: Real NVP of CIFAR-10, without its factored-out scales and residual blocks.

    python -m tfgen.run --config=realnvp_paper --data_dir=FOLDER

As there, and in the authors' code (tensorflow/models, `research/real_nvp`, whose settings are for other data): ten
couplings, three before and seven after the one halving of the pictures (here five and five), 64 maps, logits of
0.05 + 0.9 x, Adam at 1e-3, batches of 64, mirrored images. Published: 3.49 bits per dimension, with residual networks
of 8 blocks, twice as many maps after the halving, batch and weight normalisation, a penalty of 5e-5 on the latter's
scales, gradients cut to a norm of 100, and half of the numbers factored out, none of which is here. The length of
training is not stated; the average of the weights is ours.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="realnvp",
        dataset="cifar10",
        batch_size=64,
        epochs=100,
        mirror=True,
        options={"couplings": 10, "width": 64, "depth": 4, "learning_rate": 1e-3, "ema": 0.999},
    )
