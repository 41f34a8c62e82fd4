"""Keras' `fit` over tfgen's own pipeline: arrays in, from the step where the model stands."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from tfgen import domains
from tfgen.data import pipeline
from tfgen.data.source import Examples
from tfgen.distribution.cluster import together, workers_of
from tfgen.distribution.replicas import check_divisible, distributed, refusing_unequal_batches, within
from tfgen.domains import Count, Natural, check
from tfgen.errors import UserError
from tfgen.networks.calling import differentiating
from tfgen.noise import stream_key
from tfgen.optimizers.rates import complaints
from tfgen.training.callbacks.adapted import adapted
from tfgen.training.checking import Refusals, check_ends, refusals
from tfgen.training.doors import Checked, Doors, at_once, checked_size, refuse_weights
from tfgen.training.epochs import Place, epoch_segments, fingerprint
from tfgen.training.joined import JoinedCallbacks
from tfgen.training.phases import Phase, running, updates_of


class StepIndexedFit(Doors):
    """The part of `GenerativeModel` that trains on arrays; a mixin before `keras.Model`."""

    _position: tf.Variable  # where in the data the pipeline starts when it is iterated next
    tested: tf.Variable  # batches of the current evaluation so far
    _offset = 0  # what is added to the step for the position in the data of the current fit
    place = Place()  # where the last fit has ended

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        *,
        steps_per_epoch: int | None = None,
        validation_data: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains as Keras' `fit` does; arrays go through the step-indexed pipeline, from the model's `step` on.

        A second `fit` on the same data, with the same batch size, goes on where the first one ended, in the middle of
        an epoch too; on other data it trains whole epochs of them. In no case is the order of an epoch one that has
        been before. A learning rate of 0, and what would keep the model from being saved, are said before the first
        step.

        Args:
            x: images uint8 (or float in [0, 1]) [N, H, W, C], a dict of fields, `Examples`, or any `tf.data.Dataset`,
                which is used as it is.
            y: the second field, where `x` is an array: labels int [N].
            batch_size: images per update (32 by default); one step of a model with k discriminator steps takes
                k x batch_size.
            epochs: as in Keras. An epoch is N // (k x batch_size) steps.
            steps_per_epoch: as in Keras.
            validation_data: held-out examples, like x or (x, y).
            **kwargs: as in Keras.

        Raises:
            UserError: images of a wrong dtype, range or shape, missing labels, fewer images than one step needs, a
                callback that cannot work on the model; the model is not compiled.
        """
        if not self.compiled:
            raise UserError(f"{self.name} is not compiled: call model.compile() before fit")
        kwargs["callbacks"] = adapted(self, kwargs.get("callbacks"))
        refuse_weights(**{name: kwargs.pop(name, None) for name in ("sample_weight", "class_weight")})
        shuffle, split = kwargs.pop("shuffle", True), kwargs.pop("validation_split", None) or 0.0
        kwargs["steps_per_epoch"] = steps_per_epoch
        check("epochs", epochs, Natural)
        check("steps_per_epoch", steps_per_epoch, Count | None)
        if domains.is_number(kwargs.get("validation_freq")):  # or the epochs after which to validate
            check("validation_freq", kwargs["validation_freq"], Count)
        with refusals(steps_per_epoch, kwargs.get("validation_steps")) as refused:
            if not at_once(x):
                if split:
                    raise UserError("batches cannot be split: give validation_data instead of validation_split")
                check_ends(x, steps_per_epoch=steps_per_epoch)
                data = self.batches(x, y, refused, train=True, shuffle=shuffle)
                kwargs["validation_data"] = self.validation_batches(validation_data, refused, kwargs)
                return self.fit_batches(data, epochs=epochs, **kwargs)
            if not shuffle:
                raise UserError(
                    "fit draws the order of arrays from the seed and the step: leave out shuffle, or give a "
                    "tf.data.Dataset, whose order is kept"
                )
            examples, held_out = self.as_examples(x, y), None
            if split and validation_data is None:
                examples, validation_data = split_off(examples, split)
            if validation_data is not None and at_once(validation_data):
                validation_data = held_out = self.as_examples(validation_data)
            kwargs["validation_data"] = self.validation_batches(validation_data, refused, kwargs)
            return self.fit_arrays(examples, checked_size(batch_size), epochs, held_out=held_out, **kwargs)

    def validation_batches(self, data: Any, refused: Refusals, settings: dict[str, Any]) -> Any:
        """Returns the validation data of `fit` as checked batches; None where there are none."""
        size = settings.pop("validation_batch_size", None)
        check_ends(data, validation_steps=settings.get("validation_steps"))
        return None if data is None else self.batches(data, None, refused, train=False, size=size)

    def fit_batches(self, data: Checked, **settings: Any) -> keras.callbacks.History:
        """Trains on checked batches as Keras' `fit` does; settings as there."""
        if self.sees_held_out:
            raise UserError(f"{self.name} has a phase on held-out examples: give fit arrays, and validation_data")
        if self.needs_examples is not None:
            raise UserError(f"{self.needs_examples}: give fit arrays instead of batches")
        if isinstance(data.dataset, tf.data.Dataset):
            data = Checked(self.shared_out(data.dataset), data.length, data.source)
        before = int(self.step)
        self._epoch_steps, self._initial_epoch = None, None  # as many steps as the data set gives
        self.say_before(1)
        with together(self.distribute_strategy), refusing_unequal_batches():
            history = super().fit(data, shuffle=False, **settings)
        if int(self.step) == before and settings["epochs"] > settings.get("initial_epoch", 0):
            raise UserError("expected at least one batch, got none")
        return history

    def fit_arrays(
        self, examples: Examples, batch_size: int, epochs: int, *, steps_per_epoch: int | None = None, **settings: Any
    ) -> keras.callbacks.History:
        """Trains on examples as `fit_examples` does, from the place in them where the last fit has ended."""
        if len(examples) >= batch_size * self.parts:  # else `fit_examples` says so
            per_epoch = self.steps_per_epoch(examples, batch_size)
            data = fingerprint(examples, batch_size * self.parts)
            settings |= {"data": data, "offset": self.place.offset_for(data, int(self.step), per_epoch)}
            each = per_epoch if steps_per_epoch is None else steps_per_epoch
            self.say_before((epochs - settings.get("initial_epoch", 0)) * each)
        return self.fit_examples(examples, batch_size, epochs, steps_per_epoch=steps_per_epoch, **settings)

    def say_before(self, steps: int) -> None:
        """Prints what is to be known before the next `steps` steps, each sentence once."""
        sentences = self.complaints(steps)
        try:
            self.check_savable()
        except UserError as error:
            sentences.append(f"this model can be trained, but not saved: {error}")
        for sentence in self.unsaid(sentences):
            print(sentence, flush=True)

    def complaints(self, steps: int) -> list[str]:
        """Returns a sentence for each learning rate that trains nothing, or ends, within the next `steps` steps."""
        done = int(self.step)
        until = lambda name, total: updates_of(name, self.phases, self.stages, total)  # noqa: E731
        counts = {name: until(name, done + steps) - until(name, done) for name in self.optimizers}
        return complaints(self.optimizers, counts)

    def unsaid(self, sentences: Iterable[str]) -> list[str]:
        """Returns those of the sentences that have not been said of this model; from then on they have been."""
        said: set[str] = self.__dict__.setdefault("_said", set())  # past Keras' bookkeeping of attributes
        found = [sentence for sentence in dict.fromkeys(sentences) if sentence not in said]
        said.update(found)
        return found

    def steps_per_epoch(self, examples: Examples, batch_size: int) -> int:
        """Returns the number of steps per epoch of `examples`, with `batch_size` images per update."""
        return pipeline.steps_per_epoch(examples, batch_size * self.parts)

    def fit_examples(
        self,
        examples: Examples,
        batch_size: int,
        epochs: int,
        *,
        held_out: Examples | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        last_step: int | None = None,
        mirror: bool = False,
        data: str = "",
        offset: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains from the model's `step` on, to the end of epoch `epochs` or to `last_step`, whichever comes first.

        Args:
            examples: that `as_examples` has checked.
            batch_size: images per update.
            epochs: number of the epoch before which training ends, counted from the first of all.
            held_out: examples for phases of the split `validation`.
            initial_epoch: number of the epoch to train next, counted from 0.
            steps_per_epoch: by default all of `examples` once.
            last_step: step after which training ends.
            mirror: whether images are mirrored at random.
            data: fingerprint of the examples, by which a later `fit` knows them again.
            offset: what is added to the model's step for the position in the examples.
            **kwargs: of Keras' `fit`.

        Raises:
            UserError: fewer examples than one step needs, or a batch that replicas cannot share equally.
        """
        batch_size = self._ready(examples, held_out, batch_size)
        aligned = steps_per_epoch is None
        per_epoch = pipeline.steps_per_epoch(examples, batch_size) if steps_per_epoch is None else steps_per_epoch
        verbose = kwargs.pop("verbose", "auto")
        to_come = (epochs - initial_epoch) * per_epoch if last_step is None else last_step - int(self.step)
        joined = self._joined(kwargs.pop("callbacks", None), verbose, epochs, per_epoch, to_come, examples)
        self.stop_training, self._offset = False, offset
        try:
            # one call of Keras' `fit` per segment, since all epochs of a call have as many steps
            for first, last, batches in self._begun(joined, per_epoch, initial_epoch, epochs, last_step, aligned):
                if self.stop_training:
                    break
                self._epoch_steps = batches
                dataset, steps = self.input_of(examples, held_out, (last - first) * batches, batch_size, mirror)
                span = {"initial_epoch": first, "epochs": last, "steps_per_epoch": steps}
                super().fit(dataset, **span, shuffle=False, verbose=0, callbacks=joined, **kwargs)
            joined.finish()
        finally:
            self._epoch_steps = self._steps_left = None  # they are of this fit alone
            self.place = Place(data, offset, int(self.step))
        return self.history

    def _ready(self, examples: Examples, held_out: Examples | None, batch_size: int) -> int:
        """Checks what a training needs and prepares the model for it; returns the images per step."""
        check_divisible(batch_size, self.distribute_strategy.num_replicas_in_sync)
        needed = batch_size * self.parts
        if len(examples) < needed:
            raise UserError(f"one step takes {needed} images, got only {len(examples)}; lower batch_size")
        self.check_held_out(held_out, batch_size)
        named = examples.fields().get(self.named_field or "")
        self.take_class_names(named.names if named is not None else None)
        self.prepare(examples, held_out)
        return needed

    def _begun(
        self,
        joined: JoinedCallbacks,
        per_epoch: int,
        initial_epoch: int,
        epochs: int,
        last_step: int | None,
        aligned: bool,
    ) -> list[tuple[int, int, int]]:
        """Begins the callbacks; returns the segments to train, (first epoch, epoch after the last, steps of each)."""
        joined.begin()  # a callback such as BackupAndRestore may change the step, and the epoch to begin with
        initial_epoch = initial_epoch if self._initial_epoch is None else self._initial_epoch
        self._initial_epoch = None
        end, place = None if last_step is None else last_step + self._offset, int(self.step) + self._offset
        segments = list(epoch_segments(place, per_epoch, initial_epoch, epochs, end, aligned))
        joined.describe(segments)
        return segments

    def _joined(
        self,
        callbacks: Iterable[keras.callbacks.Callback] | None,
        verbose: int | str,
        epochs: int,
        per_epoch: int,
        to_come: int,
        examples: Examples,
    ) -> JoinedCallbacks:
        # a `CallbackList` takes numbers alone; `fit` resolves "auto" only for a list that it makes itself
        shown = {"add_progbar": verbose != 0, "verbose": 1 if verbose == "auto" else verbose}
        params = {"epochs": epochs, "steps": per_epoch, "steps_per_epoch": per_epoch, "examples": examples}
        params["to_come"] = to_come
        return JoinedCallbacks(callbacks, add_history=True, model=self, **shown, **params)

    def check_held_out(self, held_out: Examples | None, batch_size: int) -> None:
        """Raises UserError where a phase runs on held-out examples and there is less than a batch of them."""
        if not self.sees_held_out:
            return
        if held_out is None or len(held_out) < batch_size:
            phase = next(phase.name for phase in self.phases if phase.split == "validation")
            raise UserError(
                f"the phase {phase!r} of {self.name} runs on batches of {batch_size} held-out examples, got "
                f"{0 if held_out is None else len(held_out)}: give validation_data, or a lower batch_size"
            )

    def input_of(
        self, examples: Examples, held_out: Examples | None, steps: int, batch_size: int, mirror: bool
    ) -> tuple[tf.data.Dataset, int | None]:
        """Returns the data set of the next `steps` steps, and the steps per epoch where Keras has to be told them.

        Args:
            examples: of the split `train`.
            held_out: of the split `validation`.
            steps: of all epochs of one call of Keras' `fit`.
            batch_size: images per step, of all parts.
            mirror: whether images are mirrored at random.
        """
        # Without a strategy Keras iterates the data set anew in every epoch, which then starts at the variable
        # `_position`.
        settings: dict[str, Any]
        settings = {"position": self._position, "batches": self._epoch_steps}
        if self._distribute_strategy is not None:
            # a distributed one is iterated once for all
            settings = {"position": int(self.step) + self._offset, "batches": steps}
        order = {"mirror": mirror, **settings}
        make = functools.partial(
            pipeline.step_indexed, examples, batch_size=batch_size, seed=stream_key(self.seed, "order"), **order
        )
        if self.sees_held_out and held_out is not None:
            key = stream_key(self.seed, "order of held-out examples")
            size = batch_size // self.parts
            other = functools.partial(pipeline.step_indexed, held_out, batch_size=size, seed=key, **order)
            make = functools.partial(pipeline.side_by_side, make, other)
        if self._distribute_strategy is None:
            return make(), None
        return distributed(self._distribute_strategy, lambda share: make(share=share), self.parts), self._epoch_steps

    def _make_function(self, step_function):
        return differentiating(self.networks.values(), super()._make_function(step_function))

    def begin_epoch(self) -> None:
        """Starts an epoch of `fit_examples`, of which all steps are left."""
        # not in `reset_metrics`, which Keras calls in `evaluate` and `train_on_batch` too
        self._steps_left = self._epoch_steps

    def reset_metrics(self) -> None:
        """Starts an epoch or an evaluation: its means, its noise, and the place where the pipeline starts."""
        # Keras calls this at the start of every epoch, before it asks the pipeline for an iterator
        self._position.assign(self.step.value + self._offset)
        self.tested.assign(0)
        strategy = self._distribute_strategy
        # variables that several workers make outside of a traced step wait for each other without end
        makes = workers_of(strategy) == 1
        with within(strategy) if makes else contextlib.nullcontext():
            self.averages.reset(makes)

    def running_phases(self, step: int | None = None) -> tuple[Phase, ...]:
        """Returns the phases of step number `step`, counted from 0; by default of the model's next step."""
        phases = self.phases
        if self.same_phases_always:
            return tuple(phases)
        return running(phases, self.stages, int(self.step) if step is None else step)

    def current_phases(self) -> tuple[Phase, ...]:
        """Returns the phases of the stage of the latest step, those that skip steps (`every`) included."""
        last = max(int(self.step) - 1, 0)
        return running([dataclasses.replace(phase, every=1) for phase in self.phases], self.stages, last)

    def begun(self) -> frozenset[str]:
        """Returns the names of the networks whose stage has had an update; of a model without stages all."""
        step = int(self.step)
        return frozenset(name for name in self.networks if self.first_step_of(name) < max(step, 1))

    @property
    def same_phases_always(self) -> bool:
        """Whether every step has the same phases."""
        return not self.stages and all(phase.always for phase in self.phases)


def split_off(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """Returns (training, validation) examples; the latter are the last ones, as Keras takes them.

    Raises:
        UserError: the fraction is not in (0, 1), or leaves one of the two empty.
    """
    size = len(examples)
    kept = int(size * (1.0 - fraction))
    if not 0 < kept < size:
        raise UserError(
            f"validation_split={fraction} leaves {kept} of {size} examples to train on: give a fraction of 0 to 1 "
            "with an example on both sides, or validation_data"
        )
    return examples.divided(kept)
