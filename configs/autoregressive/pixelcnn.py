"""Gated PixelCNN on the embedded Fashion-MNIST images, gray pixels under a discretised logistic distribution.

    python -m tfgen.run --model=pixelcnn

The likelihood is exact: `tfgen.evaluate` gives bits per dimension. A pixel is drawn after the other, from the part of
the picture that it depends on: 784 passes of the network per picture.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="pixelcnn",
        batch_size=32,
        epochs=2,
        schedule="cosine",
        options={"width": 24, "blocks": 4, "head_width": 32, "learning_rate": 2e-3, "ema": 0.995},
    )
