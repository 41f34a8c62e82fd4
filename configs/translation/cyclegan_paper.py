"""Zhu et al. 2017, section 4 and appendix 7: horses as zebras and back at 256 x 256.

    python -m tfgen.run --config=cyclegan_paper --dataset=folder:horse2zebra

Translators of 64 channels with nine residual blocks, patches of 70 pixels, least squares, 10 times the mean absolute
error of the way there and back, Adam 2e-4 with beta_1 0.5, batches of 1, 200 epochs. Here discriminators see the newest
translations (theirs see a buffer of the last 50), pictures are not jittered, and the rate is constant (theirs falls
linearly over the last 100 epochs).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="cyclegan",
        dataset="folder:horse2zebra",
        image_size=256,
        mirror=True,
        batch_size=1,
        epochs=200,
        options={
            "width": 64,
            "blocks": 9,
            "patch_depth": 3,
            "cycle_weight": 10.0,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
        },
    )
