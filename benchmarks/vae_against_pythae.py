"""An MLP `vae` (784-512-20-512-784, batch 128, Adam) in tfgen against the same one in pythae 0.1.2 (PyTorch).

    python -m venv /tmp/pythae && /tmp/pythae/bin/pip install torch pydantic scipy scikit-learn cloudpickle imageio tqdm
    /tmp/pythae/bin/pip install --no-deps pythae==0.1.2
    python benchmarks/vae_against_pythae.py --python=/tmp/pythae/bin/python

Each side trains with its own trainer on the same images, in turns and in processes of their own; the first epoch, which
holds compilation, does not count. Prints images a second of both and their ratio: 1.3 or more is wanted. Both minimise
the same ELBO in float32; tfgen holds the images as bytes and pythae as it does, in float32. tfgen is shown with Keras'
`steps_per_execution` of 1 and of `--steps_per_execution`, which changes no result.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

UNITS, LATENT = 512, 20


def epoch_times(seconds, images):
    """Prints, as JSON, images per second of wall time and of CPU time in each epoch after the first."""
    rates = [[images / (b - a) for a, b in zip(before, after)] for before, after in zip(seconds, seconds[1:])]
    print(json.dumps(rates[1:]), flush=True)


def clocks():
    return time.perf_counter(), time.process_time()


def run_tfgen(images, args):
    import keras

    import tfgen

    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if not seconds:
                seconds.append(clocks())

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(clocks())

    model = tfgen.build_model(
        "vae", image_shape=(28, 28, 1), network="dense", units=(UNITS,), activation="relu", latent_dim=LATENT
    )
    model.steps_per_execution = args.steps_per_execution
    history = model.fit(images, batch_size=args.batch_size, epochs=args.epochs, verbose=0, callbacks=[Clock()])
    print(f"loss {history.history['loss'][-1]:.2f} nats", file=sys.stderr)
    epoch_times(seconds, len(images) // args.batch_size * args.batch_size)


def run_pythae(images, args):
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback
    from torch import nn

    logging.disable(logging.INFO)
    seconds, losses = [], []

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, UNITS), nn.ReLU())
            self.mean, self.log_var = nn.Linear(UNITS, LATENT), nn.Linear(UNITS, LATENT)

        def forward(self, x):
            h = self.hidden(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(LATENT, UNITS), nn.ReLU(), nn.Linear(UNITS, 784), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))

    class Clock(TrainingCallback):
        def on_epoch_begin(self, training_config, **kwargs):
            if not seconds:
                seconds.append(clocks())

        def on_epoch_end(self, training_config, **kwargs):
            seconds.append(clocks())

        def on_log(self, training_config, logs, **kwargs):
            losses.append(logs["train_epoch_loss"])

    data = torch.tensor(images.transpose(0, 3, 1, 2)).float() / 255.0
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=args.batch_size,
            num_epochs=args.epochs,
            learning_rate=1e-3,
            keep_best_on_train=True,
        )
        trainer = BaseTrainer(
            model=VAE(config, Encoder(), Decoder()),
            train_dataset=BaseDataset(data, torch.zeros(len(data))),
            training_config=settings,
            callbacks=[Clock()],
        )
        trainer.train()
    print(f"loss {losses[-1]:.2f} nats", file=sys.stderr)
    epoch_times(seconds, len(images))


def child(args, side, python, steps_per_execution, file):
    """Rates of one run of one side in a process of its own, list of [images/s, images/CPU s]."""
    command = [python, __file__, f"--side={side}", f"--file={file}", f"--steps_per_execution={steps_per_execution}"]
    command += [f"--batch_size={args.batch_size}", f"--epochs={args.epochs}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-2000:]}")
    loss = next((line for line in done.stderr.splitlines() if line.startswith("loss ")), "")
    rates = json.loads(done.stdout.strip().splitlines()[-1])
    return rates, loss


def compare(args):
    import measuring
    import numpy as np

    images = np.ascontiguousarray(measuring.garments(args.data_dir, args.images))
    sides = {"pythae": ("pythae", args.python, 1), "tfgen": ("tfgen", sys.executable, 1)}
    if args.steps_per_execution > 1:
        name = f"tfgen, steps_per_execution={args.steps_per_execution}"
        sides[name] = ("tfgen", sys.executable, args.steps_per_execution)
    rates = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.npy"
        np.save(file, images)
        for turn in range(args.repeats):
            for name, (side, python, steps) in sides.items():
                rows, loss = child(args, side, python, steps, file)
                rates[name].append([statistics.median(column) for column in zip(*rows)])
                wall, cpu = rates[name][-1]
                print(f"round {turn + 1}  {name:<32} {wall:8.0f} images/s {cpu:8.0f} images/CPU s  {loss}", flush=True)
    measuring.report(rates, "pythae")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="python of an environment with pythae 0.1.2")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=4, help="of each run; the first does not count")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--steps_per_execution", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    parser.add_argument("--data_dir", help="where Fashion-MNIST lies")
    parser.add_argument("--side", choices=["tfgen", "pythae"], help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        import numpy as np

        {"tfgen": run_tfgen, "pythae": run_pythae}[args.side](np.load(args.file), args)
    elif not args.python:
        parser.error("--python=PATH is required: the python of an environment with pythae 0.1.2")
    else:
        compare(args)


if __name__ == "__main__":
    main()
