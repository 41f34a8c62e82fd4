"""Loggers by name: trackers that a run sends its metrics to. Importing this package imports no TensorFlow.

    tfgen run --model=dcgan --logger=tensorboard,wandb

A logger of your own is a function of a `LoggedRun` that returns a Keras callback, in most cases a subclass of
`tfgen.loggers.base.Logger`, registered with `@tfgen.register_logger("my_tracker")` or as an entry point of the group
"tfgen.loggers".
"""

from registry import Registry

LOGGERS = Registry(
    "logger",
    {
        "tensorboard": (
            "tfgen.runs.watching:tensorboard",
            "Event files in the run's folder; needs no package.",
        ),
        "wandb": ("tfgen.loggers.trackers:wandb", "Weights & Biases; pip install 'keras-tfgen[wandb]'."),
        "mlflow": ("tfgen.loggers.trackers:mlflow", "MLflow; pip install 'keras-tfgen[mlflow]'."),
        "trackio": ("tfgen.loggers.trackers:trackio", "Trackio; pip install 'keras-tfgen[trackio]'."),
    },
    group="tfgen.loggers",
)
register_logger = LOGGERS.register
logger_names = LOGGERS.names
