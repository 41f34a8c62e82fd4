"""The PyTorch contenders: the tutorial's network in the same order of passes; run by the other environment's Python.

Channels-last memory, Adam in its fused kernel, D's weights without gradients while G is updated: what PyTorch offers
for speed without compiling. Nothing here imports tfgen or TensorFlow.
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.turns import serve, windows

LATENT, RATE = 100, 1e-4


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # Keras' 0.99, which counts the other way


class Generator(nn.Module):
    def __init__(self, width):
        super().__init__()
        wide, middle, narrow = 4 * width, 2 * width, width
        self.width = width
        self.dense = nn.Linear(LATENT, 7 * 7 * wide, bias=False)
        self.first_norm = nn.BatchNorm1d(7 * 7 * wide, eps=1e-3, momentum=0.01)
        self.maps = nn.Sequential(
            nn.ConvTranspose2d(wide, middle, 5, 1, 2, bias=False),
            norm(middle),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(middle, narrow, 5, 2, 2, 1, bias=False),
            norm(narrow),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(narrow, 1, 5, 2, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, latents):
        x = functional.leaky_relu(self.first_norm(self.dense(latents)), 0.3)
        # [B, 7, 7, C] in memory, as Keras has it, seen as [B, C, 7, 7]
        return self.maps(x.view(-1, 7, 7, 4 * self.width).permute(0, 3, 1, 2))


def discriminator(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 5, 2, 2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Conv2d(width, 2 * width, 5, 2, 2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(7 * 7 * 2 * width, 1),
    )


def cross_entropy(logits, label):
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label).float())


def trainer(images, batch_size, width, shared=False, bfloat16=False):
    """`f(seconds) -> Window` of training; `shared`: one pass of G under both updates."""
    g = Generator(width).to(memory_format=torch.channels_last)
    d = discriminator(width).to(memory_format=torch.channels_last)
    of_g, of_d = (torch.optim.Adam(network.parameters(), lr=RATE, fused=True) for network in (g, d))
    generator = np.random.default_rng(0)

    def made():
        return g(torch.randn(batch_size, LATENT))

    def step():
        real = images[torch.from_numpy(generator.integers(0, len(images), batch_size))]
        real = real.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            if shared:
                fake = made()
            else:
                with torch.no_grad():
                    fake = made()
            loss = cross_entropy(d(real), 1.0) + cross_entropy(d(fake.detach()), 0.0)
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        d.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = cross_entropy(d(fake if shared else made()), 1.0)
        of_g.zero_grad()
        loss.backward()
        of_g.step()
        d.requires_grad_(True)
        return batch_size

    return windows(step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file")
    parser.add_argument("--batch_size", type=int)
    parser.add_argument("--width", type=int)
    args = parser.parse_args()
    images = torch.from_numpy(np.load(args.file).astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1.0)
    found = {}

    def later(*settings):
        def window(seconds):
            if settings not in found:
                found[settings] = trainer(images, args.batch_size, args.width, *settings)
            return found[settings](seconds)

        return window

    contenders = {f"{shared} {half}": later(shared, half) for shared in (False, True) for half in (False, True)}
    serve(contenders, version=torch.__version__, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
