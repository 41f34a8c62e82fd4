"""beta-VAE on drawings with known factors, sized for two CPU cores.

    python -m tfgen.run --model=beta_vae

The networks of `vae` with ten latents. With a capacity that grows (Burgess et al. 2018):

    python -m tfgen.run --model=beta_vae --set='objective=capacity(30,18,4000)'

How far each latent stands for one factor is the score `mig` of `tfgen.evaluate`.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(
        model="beta_vae", dataset="shapes", epochs=15, options={"latent_dim": 10, "beta": 4.0}
    )
