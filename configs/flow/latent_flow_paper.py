"""Rombach et al. 2022, section 4 and appendix E: diffusion of codes (LDM-4), after CelebA-HQ, here at 64 x 64.

    python -m tfgen.run --config=latent_flow_paper

Codes of 3 channels, four times smaller than the pictures; betas from 0.0015 to 0.0195 and noise as what is learned; a
U-Net with two residual blocks per size and attention at all but the largest; Adam at 9.6e-5 (2e-6 per image), batches
of 48, 410,000 steps, a moving average of 0.9999 (also in the authors' code, CompVis/latent-diffusion, `configs`). The
paper reports an FID of 5.11 at 256 x 256 with 500 steps. Different here: pictures of 64 x 64 and networks of 64 instead
of 224 channels, so that two cores hold them; betas that rise linearly, theirs as squares of what does; an autoencoder
without a perceptual and an adversarial loss and without a codebook, whose codes are standardised and have noise
instead; 100 steps of DDIM.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="latent_flow",
        dataset="celeb_a",
        image_size=64,
        batch_size=48,
        steps=510_000,
        stages="autoencoder:100000,flow",
        options={
            "interpolant": "linear_betas(1.5, 19.5)",
            "predicts": "noise",
            "sampler": "ddim(100)",
            "code_channels": 3,
            "code_width": 64,
            "network": "unet",
            "width": 64,
            "blocks": 2,
            "depth": 2,
            "attention": 16,
            "autoencoder_learning_rate": 4.5e-6 * 48,
            "flow_learning_rate": 9.6e-5,
            "ema": 0.9999,
        },
    )
