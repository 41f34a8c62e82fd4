"""pythae's VAE (PyTorch) as a contender: 784-512-20-512-784 by its own trainer; run by the other environment's Python.

Nothing here imports tfgen or TensorFlow.
"""

import argparse
import importlib.metadata
import logging
import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn

from benchmarks.turns import Turnstile, serve


class Encoder(BaseEncoder):
    def __init__(self, units, latent):
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, units), nn.ReLU())
        self.mean, self.log_var = nn.Linear(units, latent), nn.Linear(units, latent)

    def forward(self, x):
        h = self.hidden(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))


class Decoder(BaseDecoder):
    def __init__(self, units, latent):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(latent, units), nn.ReLU(), nn.Linear(units, 784), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))


class StepsDone(TrainingCallback):
    def __init__(self, step_done, batch_size):
        self.step_done, self.batch_size = step_done, batch_size

    def on_train_step_end(self, training_config, **kwargs):
        self.step_done(self.batch_size)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file")
    for name in ("batch_size", "units", "latent"):
        parser.add_argument(f"--{name}", type=int)
    args = parser.parse_args()
    logging.disable(logging.INFO)
    data = torch.tensor(np.load(args.file).transpose(0, 3, 1, 2)).float() / 255.0
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=args.latent, reconstruction_loss="bce")
    sizes = args.units, args.latent

    def train(step_done):
        with tempfile.TemporaryDirectory() as folder:
            settings = BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=args.batch_size,
                num_epochs=10**6,
                learning_rate=1e-3,
                keep_best_on_train=True,
            )
            BaseTrainer(
                model=VAE(config, Encoder(*sizes), Decoder(*sizes)),
                train_dataset=BaseDataset(data, torch.zeros(len(data))),
                training_config=settings,
                callbacks=[StepsDone(step_done, args.batch_size)],
            ).train()

    about = {"torch": torch.__version__, "pythae": importlib.metadata.version("pythae")}
    serve({"pythae": Turnstile(train).window}, **about)


if __name__ == "__main__":
    main()
