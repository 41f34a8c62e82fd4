"""dcgan on the embedded Fashion-MNIST images: a first recipe, its settings not yet tuned.

python -m tfgen.run --model=dcgan
"""

import tfgen


def recipe():
    return tfgen.Recipe(model="dcgan", epochs=10)
