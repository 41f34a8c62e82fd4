"""Flow matching of eight Gaussians on a ring, in the plane.

    python -m tfgen.run --model=flow_matching --dataset=ring

A dense network of three residual blocks.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="flow_matching",
        dataset="ring",
        batch_size=256,
        steps=4000,
        options={"width": 64, "blocks": 3, "learning_rate": 2e-3, "sampler": "heun(20)"},
    )
