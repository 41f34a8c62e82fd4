"""Ledig et al. 2017, section 3.2: pictures from ones four times smaller, crops of 96 x 96 pixels.

    python -m tfgen.run --config=srgan_paper --dataset='small(folder:photos, 4)'

16 residual blocks of 64 channels, the content loss, 1e-3 of the adversarial loss, Adam 1e-4 with beta_1 0.9, batches of
16, 200,000 updates. Here the content loss compares maps of a shipped classifier, which sees gray pictures of 28 x 28
(theirs: the last maps of VGG19), so that the squared error of pixels stays beside it (theirs: none); the discriminator
is DCGAN's, of 4 x 4 kernels, without the paper's three convolutions of stride 1 between the halvings; pictures are
cropped about their centre; the rate is constant (theirs: 1e-5 in the second half), and the generator is not trained by
the squared error alone first (theirs: a million updates).
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="srgan",
        dataset="small(folder:photos, 4)",
        image_size=96,
        batch_size=16,
        steps=200_000,
        options={
            "width": 64,
            "blocks": 16,
            "judge_width": 32,
            "hidden_units": 1024,
            "pixel_loss": "l2",
            "pixel_weight": 1.0,
            "content_weight": 1.0,
            "adversarial_weight": 1e-3,
            "learning_rate": 1e-4,
            "beta_1": 0.9,
        },
    )
