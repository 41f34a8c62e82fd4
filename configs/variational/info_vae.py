"""InfoVAE on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=info_vae

The recipe of `vae` with the maximum mean discrepancy of codes and prior beside the divergence.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="info_vae", options={"objective": "info_vae(0, 100)"})
