"""Reed et al. 2016, section 5, and the authors' script for flowers (`scripts/train_flowers.sh`): GAN-INT-CLS.

    python -m tfgen.run --config=caption_gan_paper

Pictures of 64 x 64 pixels; z of 100 normal numbers; captions of 1,024 numbers, reduced to 128 in each network, and in D
beside its last maps of 4 x 4; 4 x 4 kernels; half of what D is to reject are real images with wrong captions; G's
samples under means of two captions have weight 1; Adam with a learning rate of 0.0002, halved every 100 epochs, and
beta_1 = 0.5; batches of 64, 600 epochs. Different here: hashed n-grams instead of a recurrent and convolutional encoder
that was trained to match captions and images, and one caption per picture made from its class, as the five that people
wrote of each are not in TFDS; one width for both networks, where the authors' G is twice as wide as D; no residual
blocks, which their code has and their paper has not.
"""

import tfgen


def recipe():
    halved = {"name": "stages", "epochs": 6 * [100], "factors": [0.5**i for i in range(6)]}
    return tfgen.Recipe(
        model="caption_gan",
        dataset="captions(tfds:oxford_flowers102)",
        image_size=64,
        batch_size=64,
        epochs=600,
        schedule=halved,
        options={
            "text_encoder": "hashed_ngrams(1024)",
            "caption_units": 128,
            "caption_at": "maps",
            "mismatch": 0.5,
            "interpolation": 1.0,
            "latent_dim": 100,
            "prior": "normal",
            "width": 64,
            "kernel_size": 4,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "ema": None,
        },
    )
