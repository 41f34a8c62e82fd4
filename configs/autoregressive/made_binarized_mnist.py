"""MADE on statically binarised MNIST, sized for one core.

    python -m tfgen.run --config=made_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

Two hidden layers of 1,000 units, an average of the weights.
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
