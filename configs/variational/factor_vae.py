"""FactorVAE on drawings with known factors, sized for two CPU cores.

    python -m tfgen.run --model=factor_vae

The recipe of `beta_vae` with a discriminator of codes in place of a larger weight on the divergence.
"""

import tfgen


def recipe():
    recipe = tfgen.load_recipe("beta_vae").without_options(["beta"])
    return recipe.replace(model="factor_vae", options={"tc_weight": 10.0})
