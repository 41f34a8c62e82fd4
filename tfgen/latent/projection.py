"""Real pictures in a model's latents: by gradient descent from several starts, or by the encoder."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.evaluation.files import read_samples
from tfgen.latent.exploration import Exploration, checked
from tfgen.latent.space import Space, repeated
from tfgen.machine.tracing import traced
from tfgen.metrics.score import POSITIVE, mean_of
from tfgen.runs.reading import picture_names, read_pictures
from tfgen.sampling import grids
from tfgen.sampling.shards.plan import MANIFEST
from tfgen.storage import images
from tfgen.storage.paths import expanded

SHOWN, NOISES = 16, 16
RATE = 0.2  # of the first step, in standard deviations of a latent
DECAYS = 0.9, 0.99  # of Adam's moments


@dataclasses.dataclass(frozen=True)
class Projected:
    """Pictures and what the model makes nearest to them.

    Attributes:
        latents: float32 [N, D].
        pictures: uint8 [N, H, W, C].
        errors: mean squared error of the pixels in [0, 1], float64 [N].
        starts: the same for each start, float64 [N, S].
    """

    latents: np.ndarray
    pictures: np.ndarray
    errors: np.ndarray
    starts: np.ndarray


def project(
    space: Space,
    *,
    images: str | os.PathLike | np.ndarray | None = None,
    num: int = 64,
    starts: int = 4,
    steps: int | None = None,
    seed: int = 0,
) -> Exploration:
    """Returns real pictures above the nearest ones that the model makes, and the errors between them.

    G(z) is brought near a picture x by descent of |G(z) - x|^2 in z (Zhu et al. 2016, section 3.1, without its term of
    features), by Adam at a rate that falls along a cosine, from several latents; the best counts. z stays where the
    prior can lie. A model with an encoder gives the code, which is the first start where steps are asked for.

    `error` is the mean squared error of pixels in [0, 1]. Beside it stand `mean_image`, the error of the mean training
    image; `noise`, that reached for pictures of noise, with the mean and the variance of each pixel of the training
    images; and `ratio`s, both divided by the error of the mean image. A model that reaches any picture says nothing
    about one.

    Args:
        space: of the model.
        images: FILE.png, FILE.npz or a folder of pictures, or uint8 [N, H, W, C]; default: held-out images.
        num: pictures at most.
        starts: of each picture.
        steps: of the descent; by default 100, and none where the model encodes.
        seed: of the starts and of the noise.

    Raises:
        UserError: a number out of its range, or pictures of your own without what the model makes them under.
    """
    checked(num=num, starts=starts)
    steps = (0 if space.encodes else 100) if steps is None else steps
    if steps < 0 or (steps == 0 and not space.encodes):
        raise UserError(f"{space.model.name} has no encoder: steps must be at least 1, got {steps}")
    pictures, conditions = _pictures(space, images, num)
    found = projected(space, pictures, conditions, starts, steps, seed)
    real = _training_images(space)
    mean, deviation = real.mean(axis=0), real.std(axis=0)
    noise = images_of(mean + deviation * np.random.default_rng(seed).standard_normal((NOISES, *mean.shape)))
    given = {name: values[np.arange(NOISES) % len(values)] for name, values in conditions.items()}
    of_noise = projected(space, noise, given, starts, steps, seed)
    values = _values(found, of_noise, _errors_of(mean, pictures), _errors_of(mean, noise))
    settings: dict[str, Any] = {
        "num": len(pictures),
        "starts": starts,
        "steps": steps,
        "seed": seed,
        "encoder": space.encodes,
    }
    named = isinstance(images, (str, os.PathLike))
    settings["images"] = str(images) if named else "held-out images" if images is None else "an array"
    return Exploration(
        "project", _picture(pictures, noise, found, of_noise), values, _lines(values, len(pictures)), settings
    )


def _training_images(space):
    """Returns up to 10,000 training images, float32 in [0, 1]."""
    train = space.source.splits["train"]
    rows = np.random.default_rng(0).permutation(len(train))[:10_000]
    return train.gather(rows)[space.model.data_field].astype(np.float32) / 255.0


def _values(found: Projected, of_noise: Projected, mean_errors: np.ndarray, noise_mean_errors: np.ndarray) -> dict:
    """Returns what is told of pictures and of noise, beside the errors of the mean image for both."""
    error = mean_of(found.errors, POSITIVE) if len(found.errors) > 1 else float(found.errors[0])
    mean_error, noise_error = float(mean_errors.mean()), float(of_noise.errors.mean())
    noise_mean = float(noise_mean_errors.mean())
    return {
        "error": error,
        "mean_image": mean_error,
        "noise": noise_error,
        "mean_image_of_noise": noise_mean,
        "ratio": float(found.errors.mean()) / mean_error,
        "ratio_of_noise": noise_error / noise_mean,
        "errors": found.errors,
        "of_one_start": float(found.starts[:, 0].mean()),
        "latents": found.latents,
    }


def _lines(values, count):
    return (
        f"mean squared error of {count} pictures {values['errors'].mean():.4f}, of the mean image "
        f"{values['mean_image']:.4f}: a share of {values['ratio']:.3f}",
        f"of {NOISES} pictures of noise {values['noise']:.4f}, of the mean image {values['mean_image_of_noise']:.4f}: "
        f"{values['ratio_of_noise']:.3f}",
    )


def _picture(pictures, noise, found, of_noise):
    """Returns pictures and some of noise, above those that the model makes nearest to them."""
    above, below = (
        np.concatenate([real[:SHOWN], of_nothing[:4]])
        for real, of_nothing in ((pictures, noise), (found.pictures, of_noise.pictures))
    )
    return grids.enlarged(grids.paired(above, below, 10), below.shape[1:])


def projected(
    space: Space, pictures: np.ndarray, conditions: dict[str, np.ndarray], starts: int, steps: int, seed: int
) -> Projected:
    """Returns pictures uint8 [N, H, W, C] as the model makes them; the other arguments as in `project`."""
    count = len(pictures)
    if space.encodes:
        first = space.codes_of({space.model.data_field: pictures, **conditions})[:, None]
        if steps:
            others = space.draw(count * (starts - 1), seed) if starts > 1 else np.zeros((0, space.dim), np.float32)
            first = np.concatenate([first, others.reshape(count, starts - 1, space.dim)], axis=1)
    else:
        first = space.draw(count * starts, seed).reshape(count, starts, space.dim)
    starts = first.shape[1]
    latents, given = first.reshape(-1, space.dim), repeated(conditions, starts)
    targets = np.repeat(pictures, starts, axis=0)
    if steps:
        latents = descended(space, latents, targets, given, steps)
    made = space.decode(latents, given)
    errors = _errors(made, targets).reshape(count, starts)
    best = errors.argmin(axis=1) + np.arange(count) * starts
    return Projected(latents[best], made[best], errors.min(axis=1), errors)


def descended(
    space: Space, latents: np.ndarray, targets: np.ndarray, conditions: dict[str, np.ndarray], steps: int
) -> np.ndarray:
    """Returns latents [N, D] after `steps` of Adam on the squared error to targets uint8 [N, H, W, C], row by row."""
    model, scale = space.model, float(space.draw(256, 0).std())
    field = "image"  # as `likelihood_parameters` calls it: not clipped, so that its gradient never vanishes
    parts = []
    for start in range(0, len(latents), 250):
        part = slice(start, start + 250)
        goal = tf.constant(targets[part], tf.float32) / 255.0
        given = {name: tf.constant(values[part]) for name, values in conditions.items()}

        def advance(z, first, second, index, rate, goal=goal, given=given):
            with tf.GradientTape() as tape:
                tape.watch(z)
                error = tf.reduce_sum(tf.square(model.likelihood_parameters(z, given)[field] - goal))
            gradient = tape.gradient(error, z)
            first = DECAYS[0] * first + (1.0 - DECAYS[0]) * gradient
            second = DECAYS[1] * second + (1.0 - DECAYS[1]) * tf.square(gradient)
            towards = (first / (1.0 - DECAYS[0] ** index)) / (tf.sqrt(second / (1.0 - DECAYS[1] ** index)) + 1e-8)
            return space.prior.confined(z - rate * towards), first, second

        step = traced(advance)
        z = tf.constant(latents[part])
        state = z, tf.zeros_like(z), tf.zeros_like(z)
        for index in range(steps):
            rate = RATE * scale * 0.5 * (1.0 + np.cos(np.pi * index / steps))
            state = step(*state, tf.constant(index + 1.0), tf.constant(rate, tf.float32))
        parts.append(np.asarray(state[0]))
    return np.concatenate(parts)


def images_of(pictures: np.ndarray) -> np.ndarray:
    """Returns pictures in [0, 1] as uint8; values outside are cut off."""
    return images.to_uint8(np.clip(pictures, 0.0, 1.0))


def _errors_of(mean, targets):
    """Returns the errors of one picture in [0, 1] for all targets uint8 [N, H, W, C], float64 [N]."""
    return _errors(images_of(np.broadcast_to(mean, targets.shape)), targets)


def _errors(made, targets):
    difference = (made.astype(np.float64) - targets) / 255.0
    return np.square(difference).reshape(len(made), -1).mean(axis=1)


def _pictures(space, given, num):
    """Returns (pictures uint8 [N, H, W, C] in the model's size, their conditions)."""
    if given is None:
        rows = np.random.default_rng(0).permutation(len(space.held_out))[:num]
        batch = space.held_out.gather(rows)
        return batch[space.model.data_field], space.conditions_of(batch)
    if isinstance(given, (str, os.PathLike)):
        given = _read(given, num, space.model.data_shape)
    unknown = [name for name in space.model.coding_conditions if name not in space.given]
    if unknown:
        raise UserError(
            f"{space.model.name} makes pictures under their {unknown[0]}, which images of your own do not say: "
            + ("give label, of all or of each in turn" if unknown == [space.label_field] else "leave images out")
        )
    pictures = images.like(images.as_bytes(given)[:num], tuple(space.model.data_shape))
    return pictures, space.conditions(len(pictures))


def _read(path, num, shape):
    """Returns the first `num` pictures, those of files cut and resized as those that a model is trained on."""
    found = expanded("--images", path)
    if not found.exists():
        raise UserError(f"--images: there is no file or folder {path}")
    if found.suffix != ".npz" and not (found / MANIFEST).is_file():
        return np.concatenate([part for _, part in read_pictures(found, picture_names(found)[:num], shape)])
    found = np.asarray(read_samples(found).data)
    if found.ndim != 4:
        raise UserError(f"--images: {path} holds points; expected pictures")
    return found
