"""Flow matching of eight Gaussians on a ring, in the plane.

    python -m tfgen.run --model=flow_matching --dataset=ring

A dense network of three residual blocks, 4,000 steps. Found in one run, of 5,000 samples: all 8 modes, KL 0.0018, but
only 40 % of the points within 3 sigma (a perfect sampler: 98.9 %); twice the steps and a rate that falls are to be
tried.
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
