"""gan on the embedded Fashion-MNIST images: a first recipe, its settings not yet tuned.

python -m tfgen.run --model=gan
"""

import tfgen


def recipe():
    return tfgen.Recipe(model="gan", epochs=10)
