"""Cards of flows and diffusion."""

from benchmarks.fidelity_cards.card import CIFAR, Card

ATTENTION = "after every block at 16 x 16 and below; theirs at 16 x 16 alone and in the middle"
TIME = "32 frequencies in [0, 1]; theirs 64 or more"

CARDS = (
    Card(
        "flow_matching",
        "Tong et al. 2024, section 5 and appendix; atong01/conditional-flow-matching, `examples/images/cifar10`",
        CIFAR,
        (32, 32, 3),
        {
            "interpolant": "straight()",
            "predicts": "velocity",
            "times": "uniform",
            "pairs": "independent, or optimal",
            "optimizer": "Adam 0.0002, beta_1 0.9, beta_2 0.999",
            "schedule": "a rise over 5,000 updates, then constant",
            "batch size": "128",
            "average of the weights": "0.9999",
            "sampling": "an adaptive solver, of about 130 passes",
        },
        {
            "pairs": "the recipe has the first; the other by `--set=pairs=optimal`",
            "schedule": "no rise: cosine and linear schedules alone have one here, and these span all steps",
            "sampling": "a fixed number of steps, 100 passes, so that a sample is the same in any batch",
            "attention": f"{ATTENTION}; in heads of 32 numbers, theirs of 64",
            "clipping": "none; theirs of the gradient's norm to 1",
            "time": TIME,
        },
    ),
    Card(
        "ddpm",
        "Ho et al. 2020, section 4 and appendix B; hojonathanho/diffusion, `scripts/run_cifar.py`",
        CIFAR,
        (32, 32, 3),
        {
            "interpolant": "linear betas",
            "predicts": "noise",
            "times": "uniform",
            "optimizer": "Adam 0.0002, beta_1 0.9, beta_2 0.999",
            "schedule": "a rise over 5,000 updates, then constant",
            "batch size": "128",
            "average of the weights": "0.9999",
            "sampling": "ancestral, 1000 steps",
        },
        {
            "interpolant": "the same betas in continuous time, so that any number of steps can be taken",
            "schedule": "no rise: cosine and linear schedules alone have one here, and these span all steps",
            "sampling": "the same number of steps; noise of the posterior's variance, theirs of beta_t",
            "clipping": "none; theirs of the gradient's norm to 1",
            "attention": ATTENTION,
            "time": TIME,
        },
    ),
    Card(
        "mean_flow",
        "Geng et al. 2025, section 5 and appendix; Gsunshine/py-meanflow, `scripts/cifar10_v0.sh`",
        CIFAR,
        (32, 32, 3),
        {
            "interpolant": "straight()",
            "predicts": "velocity",
            "times": "logit-normal, N(-2, 2^2), with the noise at t = 1",
            "spans": "0.75",
            "robustness": "0.75",
            "optimizer": "Adam 0.0006, beta_1 0.9, beta_2 0.999",
            "schedule": "a rise over 200 of 16,000 epochs, then constant",
            "batch size": "1024",
            "average of the weights": "0.99995",
            "sampling": "one step",
        },
        {
            "times": "logit-normal, N(0, 1)",
            "schedule": "no rise: cosine and linear schedules alone have one here, and these span all steps",
            "sampling": "the same: a jump",
            "attention": ATTENTION,
            "time": "32 frequencies of at most two half-waves in [0, 1], which is differentiated; theirs 64 or more",
            "augmentation": "none; theirs that of Karras et al. 2022",
        },
    ),
    Card(
        "latent_flow",
        "Rombach et al. 2022, section 4 and appendix E, LDM-4 of CelebA-HQ; CompVis/latent-diffusion, `configs`",
        "For pictures of 64 x 64 in colour; theirs have 256 x 256.",
        (64, 64, 3),
        {
            "interpolant": "betas from 0.0015 to 0.0195, whose square roots rise linearly",
            "predicts": "noise",
            "optimizer": "autoencoder: Adam, 4.5e-6 per image of a batch; flow: Adam 9.6e-5",
            "schedule": "constant",
            "batch size": "48",
            "average of the weights": "0.9999",
            "code noise": "none",
            "edge weight": "none",
        },
        {
            "interpolant": "linear betas between the same ends, in continuous time",
            "optimizer": "the same rate of the flow; 2.2e-4 of the autoencoder, by its batch",
            "code noise": "in place of the codebook: the decoder has to forgive what the flow does not get right",
            "edge weight": "differences of pixels, which keep edges in place of a perceptual loss",
            "width": "64 channels of 224 at the largest maps, and two halvings of three, for two cores",
            "time": TIME,
        },
    ),
)
