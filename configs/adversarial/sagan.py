"""SAGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=sagan

The networks and steps of `sngan`, with self-attention at half the image's size and spectral normalisation in G too; two
time-scales, D's rate four times G's (Zhang et al. 2019, section 4.1). Frechet distance of 2,000 samples, one run each:
13.5 after 5 epochs (recall 0.30), 9.0 after 8, 8.0 after 9 (recall 0.30). `sagan_paper` has the paper's settings.
"""

import tfgen


def recipe():
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 4e-3}
    return tfgen.load_recipe("sngan").replace(model="sagan", epochs=9, options=rates)
