"""Emoji from their names, sized for two CPU cores.

    python -m tfgen.run --model=caption_gan --dataset=emoji

Longer vectors than those of `caption_gan`, since the names have thousands of words, and wrong captions drawn with equal
probability, since hardly any two names are equal. One run of 50 epochs, 422 CPU seconds: hearts, clocks, faces, and
hands in the skin tone that is asked for; of other things the colour rather than the shape. The green heart is brown,
the red square orange. Names that training has not seen, such as "pink heart" and "sleeping face", give their kin.
Samples of one caption are nearly equal, as each name has one picture, and the diagnosis says that D overfits.
docs/conditional.md has a sheet.
"""

import tfgen


def recipe():
    options = {"text_encoder": "hashed_ngrams(512)", "hardness": 0.0}
    return tfgen.load_recipe("caption_gan").replace(dataset="emoji", epochs=50, options=options)
