"""Priors fitted to the codes of a run's training images: `--prior` of the commands, and `tfgen.latent.fit_prior`."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data import npz
from tfgen.data.source import Examples
from tfgen.errors import UserError, nearest
from tfgen.runs.folder import Run
from tfgen.storage.atomic import replacing

if TYPE_CHECKING:
    from tfgen.fitted import FittedPrior
    from tfgen.training.model import GenerativeModel

IMAGES = 100_000  # whose codes a prior is fitted to, at most
CHUNK = 250
LONG = 1e10  # products per round of a fit, a second or more
KINDS = {"gmm": "a mixture of normal distributions, gmm:10", "normal": "one of them", "two_stage": "a second VAE"}


def parsed(text: str) -> tuple[str, int]:
    """Returns (kind, components) of a text such as gmm:10, normal or two_stage; 0 components of the last.

    Raises:
        UserError: it is another text.
    """
    kind, _, number = str(text).strip().partition(":")
    if kind not in KINDS:
        raise UserError(f"--prior is gmm:10, normal or two_stage, got {text!r:.60}{nearest(kind, KINDS)}")
    if number and kind != "gmm":
        raise UserError(f"--prior={kind} takes no number, got {text!r:.60}: a mixture does, gmm:10")
    if number and not (number.isascii() and number.isdigit() and 1 <= int(number) <= 1000):
        raise UserError(f"--prior=gmm:K takes a number of components from 1 to 1000, got {text!r:.60}")
    return kind, {"gmm": int(number or 10), "normal": 1, "two_stage": 0}[kind]


def folder_name(text: str) -> str:
    """Returns the name of the folder of a prior, gmm-10 of gmm:10."""
    kind, components = parsed(text)
    return f"{kind}-{components}" if kind == "gmm" else kind


def fit_prior(
    model: GenerativeModel,
    examples: Examples | np.ndarray | dict[str, np.ndarray],
    prior: str = "gmm:10",
    seed: int = 0,
) -> FittedPrior:
    """Returns a prior fitted to a model's codes, by which it samples: `samplers.latent(prior)`.

    Args:
        model: that encodes into latents which it decodes.
        examples: the training data, as `fit` takes them; of more than 100,000 the first in a random order.
        prior: "gmm:K", K normal distributions with full covariances; "normal", one of them; or "two_stage", a second
            VAE on the codes.
        seed: of the codes' noise, and of the fit.

    Raises:
        UserError: another text, or the model does not encode into latents.
    """
    from tfgen.fitted import fit_mixture

    kind, components = parsed(prior)
    found = codes(model, model.as_examples(examples), seed)
    if kind == "two_stage":
        from tfgen.families.variational.second_stage import fit_two_stage

        return fit_two_stage(found, seed)
    return fit_mixture(found, components, seed)


def codes(model: GenerativeModel, examples: Examples, seed: int = 0) -> np.ndarray:
    """Returns a code z ~ q(z|x) for each of the examples, float32 [N, latent_dim].

    Raises:
        UserError: the model does not encode into latents that it decodes.
    """
    from tfgen.noise import Noise

    if "encode" not in model.endpoints() or model.latent_dim is None:
        raise UserError(f"{model.name} does not encode images into latents: there are no codes to fit a prior to")
    rows = np.random.default_rng(seed).permutation(len(examples))[:IMAGES]
    parts = []
    for first in range(0, len(rows), CHUNK):
        batch = examples.gather(rows[first : first + CHUNK])
        given = {name: batch[name] for name in model.coding_conditions}
        noise = Noise(seed, first, "prior/")
        parts.append(np.asarray(model.drawn_codes(batch[model.data_field], noise, conditions=given)))
    found = np.concatenate(parts)
    if found.shape[1:] != (model.latent_dim,):
        raise UserError(
            f"{model.name} encodes into {list(found.shape[1:])} numbers, and decodes {model.latent_dim}: a prior of "
            "these codes would not be one of its latents"
        )
    return found


def prior_of(run: Run, text: str, say: Callable[[str], object] | None = None) -> FittedPrior:
    """Returns the prior of a run that `--prior` names, from the run's folder, or fitted now and kept there.

    It is fitted anew where the run has other weights by now. A SavedModel that samples from it is beside it.

    Raises:
        UserError: as of `fit_prior`, or the training data are missing.
    """
    name = folder_name(text)
    path, weights = run.paths.prior(name), run.model.digest()
    known = _read(path, parsed(text)[0], weights)
    if known is not None:
        return known
    train = run.source().splits["train"]
    size, count = int(run.model.latent_dim or 0), min(len(train), IMAGES)
    if parsed(text)[1] * count * size**2 > LONG:
        print(f"fitting the prior {text} to {count} codes of {size} numbers, which takes minutes", flush=True)
    prior = fit_prior(run.model, train, text)
    keep(run, name, prior, weights)
    # not before: what fails is to be the only line on stderr
    (say or _said)(f"fitted the prior {text} to the codes of the training images")
    return prior


def _said(sentence):
    print(sentence, file=sys.stderr, flush=True)


def keep(run: Run, name: str, prior: FittedPrior, weights: str) -> None:
    """Writes a prior and its SavedModel into the folder of a run."""
    from tfgen.training.savedmodel import export_savedmodel

    model: Any = run.model
    path = run.paths.prior(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.fitted_prior = prior
    try:
        export_savedmodel(model, run.paths.prior_export(name))
    finally:
        model.fitted_prior = None
    with replacing(path) as partial, open(partial, "wb") as file:
        np.savez(file, allow_pickle=False, weights_digest=np.array(weights), **prior.arrays())


def _read(path: pathlib.Path, kind: str, weights: str) -> FittedPrior | None:
    """Returns the prior in a file, or None without one of these weights."""
    from tfgen.fitted import CLASSES

    if not path.is_file():
        return None
    try:
        arrays = npz.read(path)
        if str(arrays.pop("weights_digest", "")) != weights:
            return None
        return CLASSES[kind].from_arrays(arrays)
    except (UserError, KeyError, ValueError):  # a damaged one is fitted anew
        return None
