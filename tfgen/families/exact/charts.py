"""Charts of the training of a model with an exact likelihood."""

from tfgen.training.charts import Chart

CHARTS = (
    Chart("Negative log-likelihood, mean of each epoch", {"nll": "training images"}, file="history"),
    Chart("Negative log-likelihood, nats", {"train_nll": "training images", "held_out_nll": "held-out images"}),
)
