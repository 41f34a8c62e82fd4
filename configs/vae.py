"""vae on the embedded Fashion-MNIST images: a first recipe, its settings not yet tuned.

python -m tfgen.run --model=vae
"""

import tfgen


def recipe():
    return tfgen.Recipe(model="vae", epochs=10)
