"""Conditional VAE on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=cvae
    python -m tfgen.sample --run=runs/cvae-fashion_mnist_mini --num=100 --label=sandal,bag --out=samples.png

The recipe of `vae`, with the class as an input of both networks.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="cvae")
