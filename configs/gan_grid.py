"""GAN on the grid of 25 modes, in two minutes on one CPU core.

    python -m tfgen.run --model=gan --dataset=grid

As `gan_ring`, against `gan_grid_paper`.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("gan_ring").replace(dataset="grid")
