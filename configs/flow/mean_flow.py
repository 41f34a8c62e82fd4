"""Mean flow on the embedded Fashion-MNIST images, sized for two CPU cores: samples in one step.

    python -m tfgen.run --model=mean_flow

The network of `flow_matching`, in half as many steps, since each takes about twice as long. `mean_flow_paper` has the
settings of Geng et al. 2025. Frechet distance of 2,000 samples in one, two and eight steps, one run each:

    times          spans   frequency of times   network       steps   1      2      8
    logit-normal   0.25    64                   U-Net           888   47.7   18.9   13.1
    logit-normal   0.25    2                    U-Net           460   41.1   16.0   13.8
    uniform        0.5     2                    U-Net           302   28.5   23.8   22.0
    uniform        0.5     2                    transformer     500   34.0   31.0   30.7

Of logit-normal times hardly any example spans the whole way, which one step is. The derivative by the time is noise
where features of the time are fast: at a frequency of 64 the squared error is 2.4, at 2 it is 0.4. The transformer has
4 blocks of 128 and patches of 4 pixels. The third row is this recipe, which goes on to 888 steps: 20.3 in one step,
15.6 in two, 14.0 in eight, and 15.9 by `heun` with ten.
"""

import tfgen


def recipe():
    options = {"times": "uniform", "spans": 0.5}
    return tfgen.load_recipe("flow_matching").replace(model="mean_flow", epochs=6, options=options)
