"""Emoji from their names, sized for two CPU cores.

python -m tfgen.run --model=caption_gan --dataset=emoji
"""

import tfgen


def recipe():
    return tfgen.load_recipe("caption_gan").replace(dataset="emoji")
