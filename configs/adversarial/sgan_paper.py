"""Salimans et al. 2016, section 6.1: semi-supervised GAN on MNIST with 100 labels.

    python -m tfgen.run --config=sgan_paper --data_dir=FOLDER_OF_MNIST

Settings of the authors' code (openai/improved-gan, `train_mnist_feature_matching.py`): z of 100 numbers, uniform on [0,
1); G with two layers of 500, D with five of 1000, 500, 250, 250 and 250; noise of 0.3 on images and of 0.5 on hidden
layers of D; G by feature matching; the cross-entropy of labelled images has twice the weight of each of the two terms
of images without labels; Adam with a constant rate of 0.003 and beta_1 = 0.5; 300 epochs of batches of 100; an average
of D with a decay of 0.9999 is what classifies. The paper reports 93 errors (+- 6.5) of 10,000 test images, over ten
choices of labels. Different here: ReLU in G, theirs softplus; layer normalisation, theirs weight normalisation; Keras'
initial weights; 5 % of the training images are held out.
"""

import tfgen


def recipe():
    return tfgen.Recipe(
        model="sgan",
        dataset="mnist",
        batch_size=100,
        epochs=300,
        options={
            "labelled": 100,
            "latent_dim": 100,
            "prior": "uniform(0, 1)",
            "network": "dense",
            "units": [500, 500],
            "hidden": [1000, 500, 250, 250, 250],
            "noise": 0.3,
            "hidden_noise": 0.5,
            "class_weight": 2.0,
            "feature_matching": 1.0,
            "learning_rate": 3e-3,
            "beta_1": 0.5,
            "beta_2": 0.999,
            "ema": 0.9999,
        },
    )
