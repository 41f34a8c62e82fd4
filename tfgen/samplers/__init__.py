"""Samplers: algorithms that turn noise into samples, chosen at sampling time as a loss is at training time.

`draw(model, seeds, conditions, networks)` makes row i of the integer seeds[i] and the conditions of row i alone. A new
one is a class and a function that makes it, a line here that imports them, and a row of `SAMPLERS`.
"""

from collections.abc import Callable

from tfgen.samplers.base import Sampler, normal_rows, rows_from_seeds, uniform_rows
from tfgen.samplers.flow import Flow, Way
from tfgen.samplers.inpainting import Inpainting, inpainting
from tfgen.samplers.sequential import Sequential, in_turns, sequential
from tfgen.samplers.single import Latent, Translation, latent, translation
from tfgen.samplers.steps import DDIM, Ancestral, Euler, Heun, Jump, ancestral, ddim, euler, heun, jump

__all__ = [
    "SAMPLERS",
    "DDIM",
    "Ancestral",
    "Euler",
    "Flow",
    "Heun",
    "Inpainting",
    "Jump",
    "Latent",
    "Sampler",
    "Sequential",
    "Translation",
    "Way",
    "ancestral",
    "ddim",
    "euler",
    "heun",
    "in_turns",
    "inpainting",
    "jump",
    "latent",
    "normal_rows",
    "rows_from_seeds",
    "sequential",
    "translation",
    "uniform_rows",
]

# `--sampler` name -> factory
SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "latent": latent,
    "euler": euler,
    "heun": heun,
    "ddim": ddim,
    "ancestral": ancestral,
    "jump": jump,
    "sequential": sequential,
}
