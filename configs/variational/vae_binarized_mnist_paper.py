"""Burda, Grosse and Salakhutdinov 2016, section 5: the VAE with one stochastic layer, on statically binarised MNIST.

    python -m tfgen.run --config=vae_binarized_mnist_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

784-200-200-50-200-200-784, tanh; decoder bias at the training log-odds; Adam with epsilon 1e-4, batches of 20; stage
i of 0..7 lasts 3^i epochs at 1e-3 * 10^(-i/7). To expect: 88.71 nats on the test set (importance-weighted bound, k =
5000).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vae",
        dataset="binarized_mnist",
        batch_size=20,
        epochs=sum(3**i for i in range(8)),
        steps_per_execution=100,
        schedule={
            "name": "stages",
            "epochs": [3**i for i in range(8)],
            "factors": [10 ** (-i / 7) for i in range(8)],
        },
        options={
            "network": "dense",
            "units": [200, 200],
            "latent_dim": 50,
            "activation": "tanh",
            "binarize": "static",
            "data_bias": True,
            "learning_rate": 1e-3,
            "epsilon": 1e-4,
        },
    )
