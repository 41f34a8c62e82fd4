"""MADE on statically binarised MNIST, for an hour of one core.

    python -m tfgen.run --config=made_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ --workdir=moved
    python -m tfgen.run --config=made_binarized_mnist_end --data_dir=... --init_from=moved

Two hidden layers of 1,000 units, dropout, an average of the weights; most training images are moved by up to a pixel.
The second recipe takes the weights through three epochs of the images themselves. Exact, the whole test set, one run of
each: 87.02 +- 0.22 nats after the first, 3,350 CPU seconds, and 86.38 +- 0.22 after the second, 100 more.

Tried for the second, and chosen by the validation split (in brackets what the test set has): one epoch at 3e-4 87.24
(86.53), two at 2e-4 87.18 (86.46), three at 3e-4 87.10 (86.38), the same with `dropout=0.2` 87.60 (86.87); not by that
split: one epoch at 1e-4 (86.66), two (86.55). Tried for the first: half of the images moved and no dropout, 115 epochs,
87.27 on the test set, which such an end does not help (87.22, and 79.7 on training images); 60 of these epochs, 87.49,
and 87.09 after one more. Images never moved, on every tenth test image: 89.4 after 25 epochs (82.8 on training images),
90.9 after 20 with `dropout=0.25` (87.6), 92.4 after 40 with `masks=16` (89.7).
Published: 88.40 with one hidden layer and one mask, 86.64 with two, of 8,000 units, and 32 masks.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("made_paper").replace(
        epochs=125,
        schedule="cosine",
        options={
            "units": [1000, 1000],
            "order": "raster",
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "ema": 0.999,
            "dropout": 0.1,
            "augment": "translate(0.04, 0.8)",
        },
    )
