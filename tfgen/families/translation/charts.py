"""Charts of the training of translations."""

from tfgen.training.charts import Chart

CHARTS = (
    Chart(
        "Mean absolute error of translations",
        {"train_error": "training pictures", "held_out_error": "held-out pictures"},
        axis={"low": 0.0},
    ),
    Chart("Variance of pixels that translations explain", {"explained": "held-out pictures"}, axis={"high": 1.0}),
    Chart(
        "Losses, mean of each epoch",
        {"discriminator_loss": "discriminator", "generator_loss": "generator, adversarial"},
        file="history",
    ),
    Chart("Discriminator's answers", {"real_score": "images", "fake_score": "translations"}, file="history"),
    Chart("Outputs of the discriminator", {"real_output": "images", "fake_output": "translations"}, file="history"),
)
CYCLE_CHARTS = (
    Chart(
        "Mean absolute error of the ways there and back",
        {"forth_cycle_error": "A to B to A", "back_cycle_error": "B to A to B"},
        axis={"low": 0.0},
    ),
    Chart(
        "Losses, mean of each epoch",
        {"of_image_loss": "discriminator of A", "of_other_loss": "discriminator of B"},
        file="history",
    ),
)
