"""Keras' `fit` over tfgen's own pipeline: arrays in, from the step where the model stands."""

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Examples
from tfgen.distribution.cluster import any_worker, together, workers_of
from tfgen.distribution.replicas import ReplicatedFit, check_divisible, distributed, refusing_unequal_batches
from tfgen.errors import UserError, nearest
from tfgen.training.noise import stream_key


def epoch_segments(step, steps_per_epoch, initial_epoch, epochs, last_step=None, aligned=True):
    """Yields (first epoch, end epoch, steps in each) of the runs of equally long epochs from `step` on.

    A first epoch that has been trained in part before is short, as is a last one that `last_step` cuts.
    """
    epoch = initial_epoch
    done = step % steps_per_epoch if aligned else 0
    end = step - done + (epochs - initial_epoch) * steps_per_epoch
    end = end if last_step is None else min(end, last_step)
    if done and step < end:
        batches = min(steps_per_epoch - done, end - step)
        yield epoch, epoch + 1, batches
        step, epoch = step + batches, epoch + 1
    whole, rest = divmod(max(end - step, 0), steps_per_epoch)
    if whole:
        yield epoch, epoch + whole, steps_per_epoch
    if rest:
        yield epoch + whole, epoch + whole + 1, rest


class JoinedCallbacks(keras.callbacks.CallbackList):
    """Callbacks that see several calls of Keras' `fit` as one training."""

    def place(self, first, last):
        self._first, self._last, self._logs, self._open = first, last, None, True

    def on_train_begin(self, logs=None):
        if self._first:
            super().on_train_begin(logs)

    def on_train_end(self, logs=None):
        self._logs = logs
        if self._last:
            self.finish()

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self._agree()

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self._agree()

    def _agree(self):
        """All workers end training after the same step, whichever has reason to."""
        strategy = self.model.distribute_strategy
        if workers_of(strategy) > 1:
            self.model.stop_training = any_worker(strategy, self.model.stop_training)

    def finish(self):
        """Ends the training, if that has not been said yet."""
        if getattr(self, "_open", False):
            self._open = False
            super().on_train_end(self._logs)


class StepIndexedFit(ReplicatedFit):
    """The part of `GenerativeModel` that trains on arrays; a mixin before `keras.Model`."""

    def fit(self, x=None, y=None, batch_size=None, epochs=1, *, steps_per_epoch=None, **kwargs):
        """Keras' `fit`; arrays go through the step-indexed pipeline, which goes on where `step` stands.

        Args:
            x: images uint8 (or float in [0, 1]) [N, H, W, C], a dict of fields, `Examples`, or any `tf.data.Dataset`,
                which is used as it is.
            y: the condition, where `x` is an array: labels int [N].
            batch_size: images that one update sees (32 by default); one step of a model with k discriminator steps
                takes k x batch_size.
            epochs, steps_per_epoch, **kwargs: as in Keras. An epoch is N // (k x batch_size) steps.

        Raises:
            UserError: images of a wrong dtype, range or shape, missing labels, fewer images than one step needs.
        """
        if x is None or not isinstance(x, (np.ndarray, dict, Examples, tf.Tensor, list, tuple)):
            if isinstance(x, tf.data.Dataset):
                self.check_first(x)
                kwargs.setdefault("shuffle", False)  # Keras' own default makes it warn
                x = self.shared_out(x)
            self._epoch_steps = None
            kwargs |= {"batch_size": batch_size, "epochs": epochs, "steps_per_epoch": steps_per_epoch}
            with together(self.distribute_strategy), refusing_unequal_batches():
                return super().fit(x, y, **kwargs)
        if not kwargs.get("validation_split", True):  # 0, Keras' default
            del kwargs["validation_split"]
        unused = [n for n in ("sample_weight", "class_weight", "validation_split") if kwargs.get(n) is not None]
        if unused:
            raise UserError(f"fit of a generative model takes no {unused[0]!r}")
        kwargs.pop("shuffle", None)  # the order follows from the seed and the step
        return self.fit_examples(
            self.as_examples(x, y), batch_size or 32, epochs, steps_per_epoch=steps_per_epoch, **kwargs
        )

    def fit_examples(
        self,
        examples,
        batch_size,
        epochs,
        *,
        initial_epoch=0,
        steps_per_epoch=None,
        last_step=None,
        mirror=False,
        **kwargs,
    ):
        """Trains from where `step` stands, to the end of epoch `epochs` or to `last_step`, if that comes first."""
        from tfgen.data import pipeline

        check_divisible(batch_size, self.distribute_strategy.num_replicas_in_sync)
        batch_size *= self.parts
        if len(examples) < batch_size:
            raise UserError(f"one step takes {batch_size} images, got only {len(examples)}; lower batch_size")
        if int(self.step) == 0:
            self.adapt(examples)
        whole = pipeline.steps_per_epoch(examples, batch_size)
        segments = list(
            epoch_segments(
                int(self.step),
                steps_per_epoch or whole,
                initial_epoch,
                epochs,
                last_step,
                aligned=steps_per_epoch is None,
            )
        )
        verbose = kwargs.pop("verbose", "auto")
        kwargs["callbacks"] = JoinedCallbacks(
            kwargs.get("callbacks"),
            add_history=True,
            add_progbar=verbose != 0,
            model=self,
            verbose=1 if verbose == "auto" else verbose,
            epochs=epochs,
            steps=max((batches for _, _, batches in segments), default=whole),
            steps_per_epoch=steps_per_epoch or whole,
            examples=examples,
        )
        for index, (first, last, batches) in enumerate(segments):
            kwargs["callbacks"].place(first=index == 0, last=index == len(segments) - 1)
            self._epoch_steps = batches
            dataset, steps = self.input_of(examples, (last - first) * batches, batch_size, mirror)
            super().fit(
                dataset,
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=steps,
                shuffle=False,
                verbose=verbose,
                **kwargs,
            )
            if self.stop_training:
                break
        kwargs["callbacks"].finish()
        return self.history

    def input_of(self, examples, steps, batch_size, mirror):
        """The data set of the next `steps` steps, and how many an epoch has, where Keras cannot see it."""
        from tfgen.data.pipeline import step_indexed

        settings = {"batch_size": batch_size, "seed": stream_key(self.seed, "order"), "mirror": mirror}
        if self._distribute_strategy is None:
            return step_indexed(examples, position=self._position, batches=self._epoch_steps, **settings), None
        settings |= {"position": int(self.step), "batches": steps}  # one iteration over all epochs
        make = lambda share: step_indexed(examples, share=share, **settings)  # noqa: E731
        return distributed(self._distribute_strategy, make, self.parts), self._epoch_steps

    def as_examples(self, x, y=None):
        """`Examples` with the fields that this model needs, checked."""
        from tfgen.data import from_arrays

        if isinstance(x, Examples):
            examples = x
        else:
            fields = (
                dict(x)
                if isinstance(x, dict)
                else {self.data_field: x, **({} if y is None else {self.condition or "label": y})}
            )
            fields = {name: np.asarray(value) for name, value in fields.items()}
            if self.data_field not in fields:
                got = ", ".join(sorted(fields)) or "none"
                raise UserError(f"fit needs {self.data_field}s, got the fields {got}")
            examples = from_arrays(fields.pop("image", None), fields.pop("label", None), **fields)
        missing = [name for name in self.fields if name not in examples.fields()]
        if missing:
            raise UserError(
                f"{self.name} is trained on {' and '.join(self.fields)}, but {missing[0]!r} was not given"
                f"{nearest(missing[0], examples.fields())}"
            )
        first = {name: tf.convert_to_tensor(value) for name, value in examples.gather(np.arange(1)).items()}
        self.as_batch(first)
        self.check_labels(examples)
        return examples

    def check_labels(self, examples):
        labels = getattr(examples, "arrays", {}).get("label")
        if "label" in self.fields and self.num_classes and labels is not None and len(labels):
            if labels.min() < 0 or labels.max() >= self.num_classes:
                raise UserError(
                    f"labels must lie in 0..{self.num_classes - 1}, got {int(labels.min())}..{int(labels.max())}"
                )

    def check_first(self, dataset):
        """Refuses a data set whose first batch does not fit the model, or holds float images outside [0, 1]."""
        for data in dataset.take(1):
            self.as_batch(data)
            if self.data_field != "image":
                return
            images = data["image"] if isinstance(data, dict) else data[0] if isinstance(data, (tuple, list)) else data
            if images.dtype.is_floating and not bool(tf.reduce_all((images >= 0.0) & (images <= 1.0))):
                raise UserError(
                    f"float images must lie in [0, 1], got {float(tf.reduce_min(images)):.3g} to "
                    f"{float(tf.reduce_max(images)):.3g}; divide by 255, or pass uint8"
                )
