"""Garments from captions, "a dark ankle boot", "a light bag", sized and tuned for two CPU cores.

    python -m tfgen.run --model=caption_gan
    python -m tfgen.sample --run=RUN --caption="a dark ankle boot" --caption="a light bag" --num=20

The networks of `cgan`; a caption is a vector of hashed n-grams, and D learns that a real image with another's caption
is wrong (Reed et al. 2016), the other brightness of the same garment most of all (`hardness`). One run of 10 epochs,
about 240 CPU seconds, against `captions(fashion_mnist)` with 5,000 samples: 93.3 % (error 0.7) show both the class and
the brightness that their captions ask for, 96.2 % the class and 97.0 % the brightness (real images: 92.9 % both, by the
same classifier); Frechet distance 8.1, recall 0.10, which is less variety than `cgan` has (3.9 and 0.49). Class and
brightness of 750 to 1,000 samples against the embedded images in the course of it: 64 % after 3 epochs, 85 % after 5,
93 % after 9; samples with light specks beside the garment are darker than they look, as all pixels above 0 count. With
DCGAN's networks as the builder has them, wrong captions drawn with equal probability and batches of 64, 70 % after
2,072 steps. `caption_gan_paper` has the settings of the paper, `caption_gan_emoji` those for emoji.
"""

import tfgen


def recipe():
    options = {"caption_at": "image", "hardness": 5.0}
    data = "captions(fashion_mnist_mini)"
    return tfgen.load_recipe("cgan").replace(model="caption_gan", dataset=data, epochs=10, options=options)
