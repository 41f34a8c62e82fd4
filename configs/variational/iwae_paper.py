"""Burda, Grosse and Salakhutdinov 2016, section 5: the IWAE with one stochastic layer, on statically binarised MNIST.

    python -m tfgen.run --config=iwae_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ
    python benchmarks/vae_nll.py --run=runs/iwae-binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

`vae_binarized_mnist_paper` with 50 draws of z per image; k = 5 is `--set=samples=5`. To expect after 3280 epochs:
87.10 nats on the test set with k = 50, 87.63 with k = 5, where the VAE has 88.71.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae_binarized_mnist_paper").replace(
        model="iwae", options={"objective": "iwae", "samples": 50}
    )
