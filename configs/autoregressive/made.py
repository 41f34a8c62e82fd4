"""MADE on the embedded Fashion-MNIST images, gray pixels under a discretised logistic distribution.

    python -m tfgen.run --model=made

The likelihood is exact: `tfgen.evaluate` gives bits per dimension. `--set=binarize=static` takes black and white
pixels, as the paper does (`made_binarized_mnist`). A value is drawn after the other, 784 passes per picture.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="made",
        batch_size=100,
        epochs=20,
        schedule="cosine",
        options={"units": [500], "learning_rate": 1e-3, "ema": 0.999},
    )
