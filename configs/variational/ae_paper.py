"""Hinton and Salakhutdinov 2006: the deep autoencoder 784-1000-500-250-30 on MNIST.

    python -m tfgen.run --config=ae_paper

Logistic units, cross-entropy. The paper pre-trains the layers as Boltzmann machines and fine-tunes with conjugate
gradients; here Adam trains all layers from Keras' initial weights. To expect: the paper's average squared error on the
test set is 3.00 per image.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ae",
        dataset="mnist",
        batch_size=100,
        epochs=100,
        steps_per_execution=50,
        options={
            "network": "dense",
            "units": [1000, 500, 250],
            "latent_dim": 30,
            "activation": "sigmoid",
        },
    )
