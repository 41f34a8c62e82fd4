"""Ho et al. 2020, section 4 and appendix B: diffusion on CIFAR-10.

    python -m tfgen.run --config=ddpm_paper

A U-Net of 128 channels at 32 x 32 and 256 at the sizes below, two residual blocks per size, attention at 16 x 16,
dropout 0.1; noise as what is learned, linear betas, 1000 ancestral steps; Adam at 2e-4 after 5,000 steps of warmup,
batches of 128, 800,000 steps, a moving average of 0.9999, mirrored images (also in the authors' code,
hojonathanho/diffusion, `scripts/run_cifar.py`). The paper reports an FID of 3.17. Different here: continuous time
instead of 1000 steps; attention at 8 x 8 and 4 x 4 too; no warmup and no clipping of the gradient's norm; ancestral
noise of the posterior's variance instead of beta_t.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ddpm",
        dataset="cifar10",
        batch_size=128,
        steps=800_000,
        mirror=True,
        options={
            "interpolant": "linear_betas",
            "predicts": "noise",
            "min_snr": None,
            "sampler": "ancestral(1000)",
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
