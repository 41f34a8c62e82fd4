"""The U-Net of `pix2pix` by the mean absolute error alone: what `pix2pix` is compared with, of equal size and budget.

python -m tfgen.run --config=pix2pix_l1
"""

import tfgen


def recipe():
    return tfgen.load_recipe("pix2pix").replace(options={"adversarial_weight": 0.0})
