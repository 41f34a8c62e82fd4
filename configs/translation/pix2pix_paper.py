"""Isola et al. 2017, section 6 and appendix: facades from their labels at 256 x 256.

    python -m tfgen.run --config=pix2pix_paper --dataset='side_by_side(folder:facades, BtoA)'

U-Net of 64 to 512 channels, dropout 0.5 in three layers (which stays on in translations), patches of 70 pixels, 100
times the mean absolute error, weights N(0, 0.02^2), Adam at a constant 2e-4 with beta_1 0.5, batches of 1, 200 epochs,
mirrored pictures: also the defaults of the authors' code (phillipi/pix2pix, `train.lua`). Here batch normalisation is
instance normalisation, which it is for batches of 1, its gains beginning at 1; pictures are not jittered (theirs are
crops of 256 pixels from 286).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pix2pix",
        dataset="side_by_side(folder:facades, BtoA)",
        image_size=256,
        mirror=True,
        batch_size=1,
        epochs=200,
        options={
            "width": 64,
            "dropout": 0.5,
            "translate_dropout": True,
            "norm": "instance",
            "patch_depth": 3,
            "pixel_weight": 100.0,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
        },
    )
