"""Germain et al. 2015, section 6.2: MADE on statically binarised MNIST, one hidden layer, one mask.

    python -m tfgen.run --config=made_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

8,000 hidden units, ReLU, direct connections, batches of 100, early stopping; Adadelta in the paper. Published there:
-88.40 nats with one mask; -86.64 with two hidden layers and 32 masks, which this model does not have.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="made",
        dataset="binarized_mnist",
        batch_size=100,
        epochs=300,
        options={"binarize": "static", "units": [8000], "order": "random", "learning_rate": 1e-3},
    )
