"""The network of `srgan` by the squared difference of pixels alone (SRResNet): what it is compared with.

python -m tfgen.run --config=srgan_l2
"""

import tfgen


def recipe():
    return tfgen.load_recipe("srgan").replace(options={"adversarial_weight": 0.0, "content_weight": 0.0})
