"""Sneakers as ankle boots and back, embedded Fashion-MNIST without pairs, sized for two CPU cores.

    python -m tfgen.run --model=cyclegan

Zhu et al. 2017: least squares in both domains, and 10 times the mean absolute error of the way there and back.
No figures yet: this recipe has not been trained to its end.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="cyclegan",
        dataset="domains(fashion_mnist_mini, sneaker, ankle boot)",
        batch_size=16,
        epochs=30,
        options={
            "width": 16,
            "blocks": 3,
            "patch_depth": 2,
            "cycle_weight": 10.0,
            "identity_weight": 0.0,
            "ema": 0.99,
        },
    )
