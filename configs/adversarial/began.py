"""BEGAN on the embedded Fashion-MNIST images, sized for two CPU cores.

    python -m tfgen.run --model=began

Differences from the paper (`began_paper`): 12 channels instead of 64 and more, codes of 32 numbers, larger learning
rates, an average of G's weights; k follows the balance 50 times as fast, as a training of thousands of steps else ends
before k has moved; gamma = 1, samples as hard to encode as images, since below it G is content with lumps. Tried, one
run each, 2,000 samples, the first row of an earlier version:

    gamma   lambda_k   batch   channels   rate of G, D    steps   distance   recall   what is seen
    0.7     0.001      32      12         0.001           2,664   49         -        blurred lumps
    0.7     0.05       32      12         0.001             709   46         0        the same
    0.7     0.05       16      12         0.002           1,095   49         0        the same
    0.7     0.05       16      12         0.002, 0.004    1,132   53         0        the same, 64 numbers
    0.5     0.05       32      32         0.001             334   107        0        nothing yet
    1.0     0.05       16      12         0.0005, 0.002   2,511   44         0.01     trousers and dark patches
    1.0     0.05       16      12         0.001           2,784   37         0.03     clear outlines, hardly a shoe
    1.0     0.05       16      12         0.001           7,116   45         0.05     sharp, half of them trousers

`dcgan` has 11 after 900 steps. What is easily encoded is made too often, and longer trainings go on to fewer classes.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="began",
        batch_size=16,
        epochs=5,
        schedule={"name": "exponential", "rate": 1.0002},
        options={
            "latent_dim": 32,
            "width": 12,
            "gamma": 1.0,
            "gain": 0.05,
            "learning_rate": 1e-3,
            "beta_1": 0.5,
            "ema": 0.999,
        },
    )
