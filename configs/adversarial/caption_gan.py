"""Garments from captions, "a dark ankle boot", "a light bag", sized and tuned for two CPU cores.

    python -m tfgen.run --model=caption_gan
    python -m tfgen.sample --run=RUN --caption="a dark ankle boot" --caption="a light bag" --num=20

The networks of `cgan`; a caption is a vector of hashed n-grams, and D learns that a real image with another's caption
is wrong (Reed et al. 2016). `caption_gan_paper` has the settings of the paper, `caption_gan_emoji` those for emoji.
"""

import tfgen


def recipe():
    options = {"caption_at": "image", "hardness": 5.0}
    data = "captions(fashion_mnist_mini)"
    return tfgen.load_recipe("cgan").replace(model="caption_gan", dataset=data, options=options)
