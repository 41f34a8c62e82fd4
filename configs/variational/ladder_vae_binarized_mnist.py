"""Ladder VAE on statically binarised MNIST, for an hour of one CPU core.

    python -m tfgen.run --config=ladder_vae_binarized_mnist --max_cpu_seconds=3500 --data_dir=FOLDER_OF_BINARIZED_NPZ
    python benchmarks/vae_nll.py --run=runs/ladder_vae-binarized_mnist --data_dir=FOLDER_OF_BINARIZED_NPZ --k=50

Three layers: maps of 14 x 14 and 7 x 7 with 4 channels each, and a vector of 32 numbers. One run, 3,500 CPU seconds of
one core (36,774 steps, 74 epochs): 81.44 +- 0.20 nats with k = 50 on the whole test set; on every twentieth of its
images, which are easier, 80.59 +- 0.87 with k = 50 and 80.02 +- 0.86 with k = 5000. The negative ELBO of every tenth
is 84.4, on training images 83.9: it is still falling. Layers 1, 2, 3 hold 8.8, 8.5, 13.5 nats. After 8.5 minutes
(`--epochs=14 --max_minutes=8.5`, 6,138 steps) it has 83.2 +- 0.65 with k = 500 on every tenth image.

The schedule is a cosine over all steps: a run that is continued
with more `--epochs` does not end as one that was never stopped, and says so.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="ladder_vae",
        dataset="binarized_mnist",
        batch_size=100,
        epochs=90,
        schedule={"name": "cosine", "warmup": 0.01},
        options={
            "latents": [4, 4],
            "latent_dim": 32,
            "width": 16,
            "binarize": "static",
            "free_bits": 1.0,
            "kl_warmup_steps": 2000,
            "learning_rate": 2e-3,
        },
    )
