"""Zhu et al. 2017, section 4 and appendix 7: horses as zebras and back at 256 x 256.

    python -m tfgen.run --config=cyclegan_paper --dataset=folder:horse2zebra

Translators of 64 channels with nine residual blocks, patches of 70 pixels, least squares, 10 times the mean absolute
error of the way there and back, D's loss halved (G's has twice the weight: the half of our least squares, Mao et al.
2017, is not in the paper), weights N(0, 0.02^2), Adam 2e-4 with beta_1 0.5, batches of 1, 200
epochs, the rate falling to 0 in the last 100, in one step per epoch as in the authors' code (junyanz/CycleGAN). Here
discriminators see the newest translations (theirs a buffer of the last 50), pictures are not jittered (theirs are crops
of 256 pixels from 286), and are padded with zeros (theirs: by reflection); their code has by default half a weight of
cycles on what a translator changes in pictures of its own target domain, which the paper has for paintings alone.
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
        schedule={
            "name": "stages",
            "epochs": [101, *[1] * 99],
            "factors": [1.0, *(1 - i / 100 for i in range(1, 100))],
        },
        options={
            "width": 64,
            "blocks": 9,
            "patch_depth": 3,
            "adversarial_weight": 2.0,
            "cycle_weight": 10.0,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
        },
    )
