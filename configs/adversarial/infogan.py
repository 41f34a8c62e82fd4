"""InfoGAN on the embedded Fashion-MNIST images, without labels, sized for two CPU cores.

    python -m tfgen.run --model=infogan

DCGAN's networks, one code of ten values and two continuous ones (Chen et al. 2016, section 7.2). Frechet distance of
2,000 samples after 60 CPU seconds, one run each: with the rates of `dcgan`, 0.003 for G and 0.0005 for D, 22.2; with
0.001 and 0.0005, and `information=0.3`, 13.4; with 0.001 for both 11.9. `infogan_paper` has the paper's settings for
MNIST.
"""

import tfgen


def recipe():
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    return tfgen.load_recipe("dcgan").replace(model="infogan", options=rates)
