"""ae on the embedded Fashion-MNIST images: a first recipe, its settings not yet tuned.

python -m tfgen.run --model=ae
"""

import tfgen


def recipe():
    return tfgen.Recipe(model="ae", epochs=10)
