"""Dinh et al. 2017, section 4.1: Real NVP of CIFAR-10, without its factored-out scales and residual blocks.

    python -m tfgen.run --config=realnvp_paper --data_dir=FOLDER

Adam at 1e-3, batches of 64, mirrored images (also in the authors' code, tensorflow/models, `research/real_nvp`).
Published: 3.49 bits per dimension, with residual networks of 8 blocks, batch and weight normalisation, and half of the
numbers factored out, none of which is here; the average of the weights is ours.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="realnvp",
        dataset="cifar10",
        batch_size=64,
        epochs=100,
        mirror=True,
        options={"couplings": 12, "width": 64, "depth": 4, "learning_rate": 1e-3, "ema": 0.999},
    )
