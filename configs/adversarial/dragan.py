"""DRAGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=dragan

The networks, steps and rate of G of `dcgan`, with the penalty of Kodali et al. 2017. Beside networks of this size, the
paper's weight of 10 and noise of 0.25 keep D nearly flat. Frechet distance of 2,000 samples after 60 CPU seconds, one
run each:

    penalty                     rate of G   rate of D   distance
    dragan(10, 0.25)            0.003       0.0005      42.5
    dragan(10, 0.25)            0.001       0.001       31.7
    dragan(10, 0.25, every=4)   0.001       0.001       54.9
    dragan(1, 0.25)             0.003       0.0005      31.2
    dragan(1, 0.1)              0.001       0.001       30.8

This recipe takes the last penalty, with 0.003 and 0.001; all its steps, one run: distance 8.0, recall 0.46, precision
0.74. `dragan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    options = {"penalty": "dragan(1.0, 0.1)", "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="dragan", options=options)
