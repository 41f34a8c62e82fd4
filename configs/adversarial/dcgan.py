"""DCGAN on the embedded Fashion-MNIST images, sized and tuned for two CPU cores.

    python -m tfgen.run --model=dcgan

Differences from the paper (`dcgan_paper`): fewer channels, 4 x 4 kernels, z of 32 numbers instead of 100, no batch norm
in D, batches of 32, and an average of G's weights, since a short training needs many and large steps. Adam without
momentum (beta_1 = 0, Karras et al. 2018, appendix A.1); a learning rate of G six times that of D. Feature maps at the
image's own size (`full_size`), since short trainings lack the details of fabrics; a hidden layer in D (`hidden_units`),
since D's logit is otherwise a sum over patches of 12 x 12 pixels. Frechet distances on the full Fashion-MNIST, one run
each (they vary by up to 0.4 within one training):

    networks                                 rate of G   rate of D   steps   distance
    32 channels, nothing at full size        0.003       0.001       3,080   8.0
    16 channels at full size                 0.003       0.001       2,560   7.5
    the same                                 0.003       0.001       6,720   6.0
    16 at full size, 128 hidden units        0.003       0.001       2,520   6.4
    the same                                 0.002       0.0005      3,460   4.9
    the same                                 0.002       0.0005      6,040   4.6
    the same                                 0.003       0.0005      3,680   4.8
    the same                                 0.003       0.0005      6,200   5.2

High rates are better at first and unstable later, so they decay exponentially, to half every 4,600 updates (D
has more of them than steps, as its penalty has updates of its own). The decay does not depend on the last step, so that
a run can be continued with more epochs. README has the figures to expect.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="dcgan",
        batch_size=32,
        epochs=9,
        schedule={"name": "exponential", "rate": 1.00015},
        options={
            "latent_dim": 32,
            "width": 16,
            "full_size": True,
            "hidden_units": 128,
            "kernel_size": 4,
            "normalize": False,
            "generator_learning_rate": 3e-3,
            "discriminator_learning_rate": 5e-4,
            "beta_1": 0.0,
            "beta_2": 0.99,
            "ema": 0.999,
        },
    )
