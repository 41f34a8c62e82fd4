"""PacGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=pacgan

The networks of `dcgan`; the discriminator sees two images at once. Frechet distance and recall of 2,000 samples, one
run each: with the rates of `dcgan`, 0.003 for G and 0.0005 for D, 10.6 and 0.25 after 9 epochs, 8.9 and 0.34 after 18;
with 0.001 for both 8.3 and 0.56 after 18. `pacgan_paper` has the paper's settings for stacked MNIST.
"""

import tfgen


def recipe():
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="pacgan", epochs=18, options=rates)
