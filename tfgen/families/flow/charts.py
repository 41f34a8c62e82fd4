"""Charts of a flow's training."""

from tfgen.training.charts import Chart

CHARTS = (
    Chart("Error of the flow", {"train_error": "training examples", "held_out_error": "held-out examples"}),
    Chart(
        "Variance of the target that the flow explains",
        {"explained_early": "t = 0.2", "explained_middle": "t = 0.5", "explained_late": "t = 0.8"},
        axis={"high": 1.0},
    ),
)
