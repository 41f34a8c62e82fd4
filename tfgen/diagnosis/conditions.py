"""Whether a conditional model does what its conditions ask for: a probe, its rules, and a remark before training."""

from typing import TYPE_CHECKING

import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.diagnosis.data import Remark
from tfgen.diagnosis.reading import Reader, reader_of
from tfgen.diagnosis.rules import Past, Row, Rule

if TYPE_CHECKING:
    from tfgen.diagnosis.probes import Probe
    from tfgen.training.model import GenerativeModel

ROWS, FEWEST = 64, 16  # samples under the conditions of as many training images; fewer where one takes many passes
READABLE = ("label", "vector")  # kinds of conditions that a linear regression can give
RISES = 0.03  # rise of a match above its highest value before, from which on a model is learning its condition
SILENT = 0.1  # match of real images and their conditions, below which the conditions say nothing of the images


class ConditionProbe:
    """The effect of the conditions on samples, and whether samples show what the conditions ask for.

    Args:
        model: with conditions and a sampler.
        train: the examples that it is trained on.
    """

    def __init__(self, model: "GenerativeModel", train: Examples) -> None:
        self.model, self.train = model, train
        self.passes = 1 if model.sampler is None else model.sampler.passes
        self._readers: dict[str, Reader] | None = None

    @property
    def readers(self) -> dict[str, Reader]:
        """Name of a condition -> its `Reader`, made once."""
        if self._readers is None:
            fields = self.model.fields
            names = [name for name in self.model.conditions if fields[name].kind in READABLE]
            with tf.init_scope():  # not within the graph of a measurement
                made = {name: reader_of(self.train, self.model.data_field, name, fields[name]) for name in names}
            self._readers = {name: reader for name, reader in made.items() if reader is not None}
        return self._readers

    def __call__(self, probe: "Probe") -> dict[str, tf.Tensor]:
        """Returns the measurements of samples as a user gets them, of the averaged weights where there are any.

        `condition_effect` is the mean distance of samples of one latent under two conditions, relative to that of two
        samples: 0 for conditions that are ignored, about 1 where they say as much as the latent. `NAME_match` is the
        correlation of a condition and what is read off the samples, `NAME_match_real` that of real examples. Nothing
        before all stages of the training have begun: one of its networks makes noise until then.
        """
        if not probe.begun.issuperset(self.model.networks):
            return {}
        most = max(FEWEST, ROWS // self.passes)
        given = {name: probe.fixed[name][:most] for name in self.model.conditions}
        rows = int(next(iter(given.values())).shape[0])
        others = {name: tf.roll(values, rows // 2, axis=0) for name, values in given.items()}
        seeds = tf.tile(tf.range(rows, dtype=tf.int64), [2])
        # in one pass, which costs half of two to trace: a sample does not depend on the batch that it is drawn in
        both = {name: tf.concat([values, others[name]], axis=0) for name, values in given.items()}
        made, other = tf.split(self._samples(seeds, both), 2)
        measured = {"condition_effect": effect(made, other, differing(given, others))}
        for name, reader in self.readers.items():
            measured |= {f"{name}_match": reader.match(made, given[name]), f"{name}_match_real": reader.real}
        return measured

    def _samples(self, seeds, conditions):
        made = self.model.samples_from_seeds(seeds, conditions)
        return self.model.as_unit_images(made) if self.model.fields[self.model.data_field].kind == "image" else made

    def remarks(self) -> list[Remark]:
        """Returns the remarks on conditions that say nothing of the training images."""
        silent = {n: reader for n, reader in self.readers.items() if reader.real < max(SILENT, reader.chance)}
        return [("uninformative_condition", say_silent(name, reader)) for name, reader in silent.items()]


def effect(made: tf.Tensor, other: tf.Tensor, differs: tf.Tensor) -> tf.Tensor:
    """Returns the mean distance of made and other [N, ...] where conditions differ, relative to that within made."""
    size = tf.shape(made)[0]
    made, other = tf.reshape(made, [size, -1]), tf.reshape(other, [size, -1])
    weight = tf.cast(differs, tf.float32)
    apart = tf.math.divide_no_nan(tf.reduce_sum(weight * tf.norm(made - other, axis=1)), tf.reduce_sum(weight))
    among = tf.reduce_mean(tf.norm(made - tf.roll(made, 1, axis=0), axis=1))
    # a generator whose samples are all alike has collapsed, and is not blamed for its conditions too
    least = 1e-3 * tf.sqrt(tf.cast(tf.shape(made)[1], tf.float32))
    return (apart + least) / (among + least)


def differing(a: dict[str, tf.Tensor], b: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns bool [N]: whether row i of any field differs."""
    rows = [tf.reduce_any(tf.reshape(tf.not_equal(a[name], b[name]), [tf.shape(a[name])[0], -1]), axis=1) for name in a]
    return tf.reduce_any(tf.stack(rows), axis=0)


def condition_probes(model: "GenerativeModel", train: Examples) -> list[ConditionProbe]:
    """Returns the probe of a conditional model that can sample, else none."""
    return [ConditionProbe(model, train)] if model.conditions and model.sampler is not None else []


# Rules.

HELP = (
    "what usually helps: check that labels and images belong together and that both networks take the condition; a "
    "larger weight of it (projection=128), more steps"
)


def is_ignored(row: Row, past: Past) -> bool:
    """Returns whether samples hardly change with their conditions."""
    return row["condition_effect"] < 0.05


def say_ignored(row: Row, past: Past) -> str:
    """Returns the message of `is_ignored`."""
    return (
        "the condition is ignored: under another one a sample changes by "
        f"{row['condition_effect']:.1%} of what two samples differ by; {HELP}"
    )


def unmatched(name: str) -> Rule:
    """Returns the rule for samples that change with the condition `name`, but not to what it asks for."""

    def holds(row: Row, past: Past) -> bool:
        real, match = row[f"{name}_match_real"], row[f"{name}_match"]
        learning = match > past.highest(f"{name}_match") + RISES
        return real > 2 * SILENT and match < 0.2 * real and not learning and not is_ignored(row, past)

    def message(row: Row, past: Past) -> str:
        return (
            f"the samples do not show what the condition {name!r} asks for: what simple features say of it correlates "
            f"with it by {row[f'{name}_match']:.2f} on samples and by {row[f'{name}_match_real']:.2f} on real images; "
            + HELP
        )

    return Rule("condition_ignored", holds, message)


def say_silent(name: str, reader: Reader) -> str:
    """Returns the remark on a condition that says nothing of the images."""
    chance = "" if reader.right is None else f" (the class of {reader.right:.0%} is found; of {reader.classes} classes)"
    return (
        f"the {name}s say nothing of the images: simple features of held-out training images correlate with them by "
        f"{max(reader.real, 0.0):.2f}{chance}, so that no model can learn what they ask for; what usually helps: check "
        f"that {name}s and images are in the same order"
    )


def condition_rules(model: "GenerativeModel") -> tuple[Rule, ...]:
    """Returns the rules for the conditions of a model."""
    names = [name for name in model.conditions if model.fields[name].kind in READABLE]
    return (
        (Rule("condition_ignored", is_ignored, say_ignored), *map(unmatched, names))
        if names or model.conditions
        else ()
    )
