"""Flow matching on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=flow_matching
    python -m tfgen.run --model=flow_matching --set=condition=label

A U-Net of 16, 32 and 64 channels at 28 x 28, 14 x 14 and 7 x 7. `latent_flow` is the flow for two cores;
`flow_matching_paper` has the settings of Tong et al. 2024.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="flow_matching",
        batch_size=64,
        epochs=12,
        options={
            "network": "unet",
            "width": 16,
            "depth": 2,
            "learning_rate": 1e-3,
            "times": "logit_normal",
            "ema": 0.999,
        },
    )
