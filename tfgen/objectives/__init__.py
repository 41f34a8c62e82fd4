"""Objectives of variational models: terms to minimise, from the log densities of L latent samples of B images.

`objective(log_px, log_pz, log_qz, kl, step)` takes float32 [L, B] tensors of log p(x|z), log p(z), log q(z|x) and a
closed-form `kl` [B] or None, all in nats, and returns a dict of scalars (means over images) whose sum is minimised.
`objective.of_codes(codes)` returns further ones, of all codes of a batch together. A new one is a file, and a line here
that imports it: then `--set=objective=NAME` finds it, and `tfgen.objectives.NAME`.
"""

from tfgen.objectives.base import Codes, Objective
from tfgen.objectives.capacity import Capacity, capacity
from tfgen.objectives.discrepancy import InfoVae, discrepancy, info_vae, wae
from tfgen.objectives.evidence import Elbo, elbo
from tfgen.objectives.importance import ImportanceWeighted, Miwae, iwae, miwae
from tfgen.objectives.total_correlation import BetaTC, beta_tc, total_correlation

__all__ = [
    "BetaTC",
    "Capacity",
    "Codes",
    "Elbo",
    "ImportanceWeighted",
    "InfoVae",
    "Miwae",
    "Objective",
    "beta_tc",
    "capacity",
    "discrepancy",
    "elbo",
    "info_vae",
    "iwae",
    "miwae",
    "total_correlation",
    "wae",
]
