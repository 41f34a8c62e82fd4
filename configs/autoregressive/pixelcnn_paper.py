"""The PixelCNN of van den Oord et al. 2016 (PixelRNN, table 1), its successor's gated layers, on binarised MNIST.

    python -m tfgen.run --config=pixelcnn_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

First kernel 7 x 7, seven layers of 3 x 3, batches of 16 images (section 5.2); RMSprop in the paper, whose rates are not
stated. Published: 81.30 nats (masked ReLU layers, static binarisation), not with these layers. For a GPU.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pixelcnn",
        dataset="binarized_mnist",
        batch_size=16,
        epochs=100,
        options={"binarize": "static", "width": 64, "blocks": 7, "head_width": 64, "learning_rate": 1e-3, "ema": 0.999},
    )
