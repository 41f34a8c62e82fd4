"""Regularised autoencoder on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=rae
    python -m tfgen.sample --run=runs/rae-fashion_mnist_mini --prior=gmm:10 --num=100 --out=samples.png

The networks of `vae` without noise: codes stay small, and the decoder's weights too; `--set=smoothness=gradient`
penalises the slope of its images instead. It has no prior of its own: one is fitted to its codes afterwards.

Frechet distance of 5,000 samples with `gmm:10` to the test images of the whole Fashion-MNIST after 150 CPU seconds, one
run each; `vae` with its own prior 18.7:

    code_weight   decoder_weight   distance
    0.1           0.0001           9.3
    0.01          0.0001           9.0
"""

import tfgen


def recipe():
    return tfgen.load_recipe("vae").replace(model="rae", options={"code_weight": 0.01, "decoder_weight": 1e-4})
