"""Geng et al. 2025, appendix: mean flow on CIFAR-10, one step.

    python -m tfgen.run --config=mean_flow_paper

The U-Net of `ddpm_paper` with two times and dropout 0.2; Adam at 6e-4 with beta_2 = 0.999, batches of 1024, 800,000
steps, a moving average of 0.99995, times from a logit-normal distribution, a span for three quarters of the examples,
errors weighted with p = 0.75 (also in the authors' code, Gsunshine/py-meanflow, `scripts/cifar10_v0.sh`). The paper
reports an FID of 2.92 without labels. Different here: times of N(0, 1) instead of N(-2, 2^2), with features of at most
two half-waves between noise and data; no warmup, theirs 200 epochs; mirrored images in place of the augmentation of
Karras et al. 2022.
"""

import tfgen


def recipe():
    recipe = tfgen.load_recipe("flow_matching_paper").without_options(["sampler"])
    return recipe.replace(
        model="mean_flow",
        batch_size=1024,
        steps=800_000,
        options={"learning_rate": 6e-4, "ema": 0.99995, "spans": 0.75, "robustness": 0.75, "dropout": 0.2},
    )
