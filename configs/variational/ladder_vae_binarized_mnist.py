"""Ladder VAE on statically binarised MNIST, for an hour of one CPU core.

    python -m tfgen.run --config=ladder_vae_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ
    python benchmarks/vae_nll.py --run=runs/ladder_vae-binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

Three layers: maps of 14 x 14 and 7 x 7 with 4 channels each, and a vector of 32 numbers. After 8.5 minutes of one core
(`--epochs=14 --max_minutes=8.5`, 6,138 steps), one run: 83.2 +- 0.65 nats with k = 500 on every tenth test image;
layers 1, 2, 3 hold 11.0, 10.9, 11.2 nats. The hour, and the whole test set with k = 5000, are not measured yet.

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
