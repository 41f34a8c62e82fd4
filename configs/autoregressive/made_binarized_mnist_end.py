"""The end of `made_binarized_mnist`: three epochs of the images themselves, none of them moved.

Beside `--init_from` alone, from the weights that the other recipe has trained:

    python -m tfgen.run --config=made_binarized_mnist_end --data_dir=... --init_from=RUN_OF_MADE_BINARIZED_MNIST
"""

import tfgen


def recipe():
    options = {"augment": None, "learning_rate": 3e-4, "ema": 0.995}
    return tfgen.load_recipe("made_binarized_mnist").replace(epochs=3, options=options)
