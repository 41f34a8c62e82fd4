"""VAE with a learned prior on dynamically binarised MNIST, in half an hour of one CPU core.

    python -m tfgen.run --model=vamp_vae --dataset=mnist --data_dir=FOLDER_OF_MNIST
    python benchmarks/vae_nll.py --run=runs/vamp_vae-mnist --data_dir=FOLDER_OF_MNIST

Convolutions of 32 channels, 40 latents, a prior of 100 components. One run, 22,800 steps, 1,940 CPU seconds: 83.5 +-
1.0 nats, k = 500, on every twentieth test image; the bound was still falling. The same run, gone on with `--epochs=80`
and then with `--epochs=160`, k = 5000, on every tenth image: 83.3 +- 0.7 and 82.84 +- 0.69, about 8,000 CPU seconds in
all. These images are as hard as the whole set (after 80 epochs, k = 50: 84.21, and 84.29 +- 0.22 of all 10,000).
Published, with dense layers of 300, 500 components and many more epochs: 82.43 (Norouzi et al.
2020; 84.45 with a Gaussian prior).

The schedule is a cosine over all steps: a run that is continued with more `--epochs` does not end as one that was never
stopped, and says so.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="vamp_vae",
        dataset="mnist",
        batch_size=100,
        epochs=40,
        schedule={"name": "cosine", "warmup": 0.01},
        options={
            "network": "conv",
            "width": 32,
            "latent_dim": 40,
            "components": 100,
            "binarize": "dynamic",
            "kl_warmup_steps": 3000,
            "learning_rate": 1e-3,
        },
    )
