"""The network of `srgan` by the squared difference of pixels alone (SRResNet): what it is compared with.

python -m tfgen.run --config=srgan_l2
"""

import tfgen


def recipe():
    judge = ("judge_width", "judge_dropout", "hidden_units", "discriminator_learning_rate")
    alone = tfgen.load_recipe("srgan").without_options(judge)
    return alone.replace(options={"adversarial_weight": 0.0, "content_weight": 0.0})
