"""Flow matching on the embedded Fashion-MNIST images, sized for two CPU cores.

python -m tfgen.run --model=flow_matching
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="flow_matching",
        batch_size=64,
        epochs=20,
        options={
            "network": "unet",
            "width": 16,
            "depth": 2,
            "learning_rate": 1e-3,
            "times": "logit_normal",
            "ema": 0.999,
        },
    )
