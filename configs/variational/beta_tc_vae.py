"""beta-TCVAE on drawings with known factors, sized for two CPU cores.

    python -m tfgen.run --model=beta_tc_vae

The recipe of `beta_vae` with the total correlation of the codes weighted by 6, as in the paper (Chen et al. 2018).
"""

import tfgen


def recipe():
    recipe = tfgen.load_recipe("beta_vae").without_options(["beta"])
    return recipe.replace(model="beta_tc_vae", options={"objective": "beta_tc(6)"})
