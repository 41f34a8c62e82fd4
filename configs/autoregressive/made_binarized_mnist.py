"""MADE on statically binarised MNIST, sized for one core.

    python -m tfgen.run --config=made_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

Two hidden layers of 1,000 units, an average of the weights. Exact, on every tenth test image, one run each: 89.4 nats
after 25 epochs (82.8 on training images), 90.9 after 20 epochs with `dropout=0.25` (87.6), 92.4 after 40 epochs with
`masks=16` (89.7). Published: 86.64 with 8,000 units per layer and 32 masks. The 60 epochs of this recipe have not been
run.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("made_paper").replace(
        epochs=60,
        schedule="cosine",
        options={
            "units": [1000, 1000],
            "order": "raster",
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "ema": 0.999,
        },
    )
