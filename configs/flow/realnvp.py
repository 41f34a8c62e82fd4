"""Real NVP of the ring of 8 modes: an exact density in the plane.

    python -m tfgen.run --model=realnvp

Images work as well, `--dataset=fashion_mnist_mini`: slower, and with samples that are coarser than those of other
models.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="realnvp",
        dataset="ring",
        batch_size=250,
        epochs=10,
        schedule="cosine",
        options={"couplings": 8, "width": 64, "learning_rate": 2e-3, "ema": 0.99},
    )
