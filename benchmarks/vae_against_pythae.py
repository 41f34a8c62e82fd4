"""An MLP `vae` (784-512-20-512-784, batch 128, Adam) in tfgen against the same one in pythae 0.1.2 (PyTorch).

    python -m venv /tmp/pythae && /tmp/pythae/bin/pip install torch pydantic scipy scikit-learn cloudpickle imageio tqdm
    /tmp/pythae/bin/pip install --no-deps pythae==0.1.2
    python benchmarks/vae_against_pythae.py --python=/tmp/pythae/bin/python

Each side trains with its own trainer on the same images, in a process of its own, and they take turns an epoch at a
time; the first, which holds compilation, does not count. Prints images a second of both and their ratio: 1.3 or more is
wanted. Both minimise the same ELBO in float32; tfgen holds the images as bytes and pythae as it does, in float32.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

UNITS, LATENT = 512, 20


class Turns:
    """A child's epochs, each begun at a word from the parent, and answered with its images per second."""

    def __init__(self, images):
        self.images, self.began = images, None

    def begin(self):
        sys.stdin.readline()
        self.began = time.perf_counter(), time.process_time()

    def end(self):
        now = time.perf_counter(), time.process_time()
        print(json.dumps([self.images / (b - a) for a, b in zip(self.began, now)]), flush=True)


def run_tfgen(images, args):
    import keras

    import tfgen

    turns = Turns(len(images) // args.batch_size * args.batch_size)

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            turns.begin()

        def on_epoch_end(self, epoch, logs=None):
            turns.end()

    model = tfgen.build_model(
        "vae", image_shape=(28, 28, 1), network="dense", units=(UNITS,), activation="relu", latent_dim=LATENT
    )
    history = model.fit(images, batch_size=args.batch_size, epochs=args.epochs, verbose=0, callbacks=[Clock()])
    print(f"loss {history.history['loss'][-1]:.2f} nats", file=sys.stderr)


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
    turns, losses = Turns(len(images)), []

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
            turns.begin()

        def on_epoch_end(self, training_config, **kwargs):
            turns.end()

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


def start(args, side, python, file):
    """A process that trains one side, an epoch at a time."""
    command = [python, __file__, f"--side={side}", f"--file={file}"]
    command += [f"--batch_size={args.batch_size}", f"--epochs={args.epochs + 1}"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def epoch(name, process):
    """Lets a process train one epoch; returns its [images/s, images/CPU s]."""
    process.stdin.write("go\n")
    process.stdin.flush()
    line = process.stdout.readline()
    while line and not line.startswith("["):
        line = process.stdout.readline()
    if not line:
        sys.exit(f"{name} failed:\n{process.stderr.read()[-2000:]}")
    return json.loads(line)


def compare(args):
    import measuring
    import numpy as np

    images = np.ascontiguousarray(measuring.garments(args.data_dir, args.images))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.npy"
        np.save(file, images)
        sides = {
            name: start(args, name, python, file)
            for name, python in (("pythae", args.python), ("tfgen", sys.executable))
        }
        rates = {name: [] for name in sides}
        for turn in range(args.epochs + 1):
            for name, process in sides.items():
                wall, cpu = epoch(name, process)
                if turn:  # the first holds compilation
                    rates[name].append([wall, cpu])
                    print(f"round {turn:2d}  {name:<8} {wall:8.0f} images/s {cpu:8.0f} images/CPU s", flush=True)
        for name, process in sides.items():
            lines = process.communicate()[1].splitlines()
            print(f"{name:<8} {next((line for line in lines if line.startswith('loss ')), '')}")
    measuring.report(rates, "pythae")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="python of an environment with pythae 0.1.2")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10, help="rounds that count, an epoch of each side in each")
    parser.add_argument("--batch_size", type=int, default=128)
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
