"""Semi-supervised GAN on MNIST with 100 labels, 10 per class (Salimans et al. 2016, table 1).

python -m tfgen.run --model=sgan --dataset=mnist --data_dir=DIR --set=labelled=100
"""

import tfgen


def recipe():
    return tfgen.load_recipe("sgan").replace(dataset="mnist", epochs=12, options={"labelled": 100})
