"""Germain et al. 2015, section 6.2: MADE on statically binarised MNIST, one hidden layer, one mask.

    python -m tfgen.run --config=made_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

8,000 hidden units, ReLU, connections from inputs to outputs, batches of 100, Adagrad at 0.01 (the authors' code,
mgermain/MADE, has orthogonal initial weights and stops after 30 epochs without a better validation error). Published:
88.40 nats with one mask; 86.64 with two hidden layers and 32 masks (`--set=units=8000,8000 --set=masks=32`).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="made",
        dataset="binarized_mnist",
        batch_size=100,
        epochs=300,
        options={
            "binarize": "static",
            "units": [8000],
            "order": "random",
            "optimizer": "adagrad",
            "learning_rate": 0.01,
        },
    )
