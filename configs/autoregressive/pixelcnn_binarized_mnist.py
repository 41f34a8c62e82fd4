"""Gated PixelCNN on statically binarised MNIST, in 35 minutes of one CPU core.

    python -m tfgen.run --config=pixelcnn_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ
    python -m tfgen.evaluate --run=runs/pixelcnn-binarized_mnist --metrics=nll,bits_per_dimension --nll_images=0

Exact, in nats, on all test images, one run each (published: 81.30, van den Oord et al. 2016):

    dilations    batch   epochs   minutes   test    training
    1            32      8        75        88.45   88.3
    1, 2, 4, 8   16      3        34        81.68   79.6

After 800 steps of 16 images, on every tenth test image: 93.8 with neighbours alone; 89.3 with a bias for every place
of the picture; 87.8 with dilations above; 87.7 with dilations in the pixel's own row, too, which makes samples slow. A
digit is where it is: a pixel has to see how far away the edges are.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("pixelcnn_paper").replace(
        batch_size=16,
        epochs=3,
        schedule="cosine",
        options={
            "width": 32,
            "blocks": 5,
            "dilations": [1, 2, 4, 8],
            "head_width": 64,
            "optimizer": "adam",
            "learning_rate": 2e-3,
        },
    )
