"""Lin et al. 2018 (PacGAN): the plain GAN that loses modes of the grid, with the settings of the authors' code.

    python -m tfgen.run --config=gan_grid_paper

As `gan_ring_paper`. Reported: 17.3 modes of 25, 94.8 % of the points within 3 sigma, a KL of 0.70, means over 10 runs.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("gan_ring_paper").replace(dataset="grid")
