"""Ladder VAE on the embedded Fashion-MNIST images, sized for two CPU cores.

python -m tfgen.run --model=ladder_vae
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ladder_vae",
        batch_size=64,
        epochs=20,
        options={"free_bits": 1.0, "kl_warmup_steps": 500, "learning_rate": 1e-3},
    )
