"""The PixelCNN of van den Oord et al. 2016 (PixelRNN, table 1), its successor's gated layers, on binarised MNIST.

    python -m tfgen.run --config=pixelcnn_paper --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ

Stated there: a first kernel of 7 x 7, then layers of 3 x 3, two of 1 x 1 with 32 maps for MNIST, a sigmoid (section 4),
batches of 16 images, RMSprop (section 5.2). Not stated: learning rates, the length of training, and the size of MNIST's
PixelCNN; 7 layers of 2 x 16 maps are those of the Diagonal BiLSTM on MNIST, the PixelCNN of CIFAR-10 has 15 of 2 x 128.
The average of the weights is ours. Published, from memory: 81.30 nats (masked ReLU layers, static binarisation), not
with these layers, of which their paper (Conditional image generation with PixelCNN decoders) has no figure on MNIST.
For a GPU.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pixelcnn",
        dataset="binarized_mnist",
        batch_size=16,
        epochs=100,
        options={
            "binarize": "static",
            "width": 32,
            "blocks": 7,
            "head_width": 32,
            "optimizer": "rmsprop",
            "learning_rate": 1e-3,
            "ema": 0.999,
        },
    )
