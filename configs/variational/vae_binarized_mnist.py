"""The IWAE paper's VAE on statically binarised MNIST in less than half an hour on two CPU cores.

    python -m tfgen.run --config=vae_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ
    python benchmarks/vae_nll.py --run=runs/vae-binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

Burda et al. 2016, table 1: 88.71 nats after 3280 epochs (`vae_binarized_mnist_paper`). README has the result of this
recipe. The schedule is a cosine over all steps: a run that is continued with more `--epochs` does not end as one that
was never stopped, and says so; that of `vae_binarized_mnist_paper` has stages of fixed length, and so it does.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae_binarized_mnist_paper").replace(
        batch_size=100,
        epochs=300,
        steps_per_execution=100,
        schedule={"name": "cosine", "warmup": 0.01},
        options={"learning_rate": 2e-3},
    )
