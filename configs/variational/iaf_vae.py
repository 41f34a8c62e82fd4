"""VAE with a flow as its posterior on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=iaf_vae

The recipe of `vae` with two autoregressive flows of codes, and pixels binarised anew at every step.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(
        model="iaf_vae", epochs=12, options={"flows": 2, "flow_width": 32, "binarize": "dynamic"}
    )
