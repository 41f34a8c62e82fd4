"""Mean flow on the embedded Fashion-MNIST images, sized for two CPU cores: samples in one step.

    python -m tfgen.run --model=mean_flow

The network of `flow_matching`. `mean_flow_paper` has the settings of Geng et al. 2025.
"""

import tfgen


def recipe():
    return tfgen.load_recipe("flow_matching").replace(model="mean_flow")
