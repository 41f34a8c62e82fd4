"""Emoji from their names, sized for two CPU cores.

    python -m tfgen.run --model=caption_gan --dataset=emoji

Longer vectors than those of `caption_gan`, since the names have thousands of words, and wrong captions drawn with equal
probability, since hardly any two names are equal.
"""

import tfgen


def recipe():
    options = {"text_encoder": "hashed_ngrams(512)", "hardness": 0.0}
    return tfgen.load_recipe("caption_gan").replace(dataset="emoji", epochs=40, options=options)
