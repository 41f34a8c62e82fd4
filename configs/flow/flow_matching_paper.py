"""Tong et al. 2024, section 5 and appendix: flow matching on CIFAR-10, of independent pairs.

    python -m tfgen.run --config=flow_matching_paper
    python -m tfgen.run --config=flow_matching_paper --set=pairs=optimal

Settings of the authors' code (atong01/conditional-flow-matching, `examples/images/cifar10`), whose network is that of
Ho et al. 2020 with attention in heads of 64 numbers: Adam at 2e-4 after 5,000 steps of warmup, batches of 128, 400,001
steps, a moving average of 0.9999, mirrored images. They report an FID of about 3.6. Different here: attention at 8 x 8
and 4 x 4 too, in heads of 32 numbers; no warmup and no clipping of the gradient's norm; 50 steps of Heun's method
instead of an adaptive solver.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="flow_matching",
        dataset="cifar10",
        batch_size=128,
        steps=400_001,
        mirror=True,
        options={
            "sampler": "heun(50)",
            "network": "unet",
            "width": 128,
            "blocks": 2,
            "depth": 3,
            "doublings": 1,
            "attention": 16,
            "dropout": 0.1,
            "learning_rate": 2e-4,
            "ema": 0.9999,
        },
    )
