"""Garments from pictures four times smaller, embedded Fashion-MNIST, sized for two CPU cores.

    python -m tfgen.run --model=srgan

Ledig et al. 2017: residual blocks, pixel shuffles, and a content loss by the maps of the shipped classifier in VGG's
place. One run, 2,000 held-out pictures, `python -m tfgen.evaluate --run=...`: Frechet distance 1.1 (`srgan_l2`: 5.8,
bicubic: 47), peak signal-to-noise ratio 20.8 dB (21.7, 15.9), SSIM 0.72 (0.74, 0.44). The distance and the content loss
have the same classifier, so that others may see more of a difference.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="srgan",
        dataset="small(fashion_mnist_mini, 4)",
        batch_size=32,
        epochs=10,
        options={
            "width": 32,
            "blocks": 4,
            "judge_width": 32,
            "judge_dropout": 0.3,
            "hidden_units": 128,
            "pixel_loss": "l2",
            "pixel_weight": 10.0,
            "content_weight": 1.0,
            "adversarial_weight": 0.05,
            "generator_learning_rate": 1e-3,
            "discriminator_learning_rate": 5e-4,
            "ema": 0.999,
        },
    )
