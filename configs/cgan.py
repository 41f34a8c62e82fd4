"""cgan on the embedded Fashion-MNIST images: a first recipe, its settings not yet tuned.

python -m tfgen.run --model=cgan
"""

import tfgen


def recipe():
    return tfgen.Recipe(model="cgan", epochs=10)
