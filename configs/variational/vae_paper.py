"""Kingma and Welling 2014, section 5 and appendix C.1: the VAE with one hidden layer on MNIST.

    python -m tfgen.run --config=vae_paper

500 hidden units, tanh, weights N(0, 0.01^2), Adagrad, batches of 100, one sample of z per image; Bernoulli
cross-entropy on gray pixels, as in the paper. To expect (figure 2, 20 latent dimensions): about -100 nats for the bound
on held-out images.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vae",
        dataset="mnist",
        batch_size=100,
        epochs=200,
        steps_per_execution=50,
        options={
            "network": "dense",
            "units": [500],
            "latent_dim": 20,
            "activation": "tanh",
            "stddev": 0.01,
            "optimizer": "adagrad",
            "learning_rate": 0.02,
        },
    )
