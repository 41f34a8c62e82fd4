"""Gated PixelCNN on statically binarised MNIST, sized for one core.

python -m tfgen.run --config=pixelcnn_binarized_mnist --data_dir=FOLDER_OF_BINARIZED_MNIST_NPZ
"""

import tfgen


def recipe():
    return tfgen.load_recipe("pixelcnn_paper").replace(
        batch_size=32,
        epochs=8,
        schedule="cosine",
        options={"width": 32, "blocks": 5, "head_width": 64, "optimizer": "adam", "learning_rate": 2e-3},
    )
