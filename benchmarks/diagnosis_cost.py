"""The share of a training's CPU time that the diagnosis takes, by a stopwatch around it.

    python -m benchmarks.diagnosis_cost --models=dcgan,cgan,vae,gan

Each model's own recipe on its own data, as many steps as the recipe has. CPU time, since other processes do not change
it much. Of the whole training, in which functions are traced once, and of the second half of its steps; and what of the
whole goes to the first measurement, to probes, to trials of discriminators, and to the ends of steps without a probe.
"""

import argparse
import collections
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PARTS = "first measurement", "probes", "trials", "between"


def spent(model_name, steps=None):
    """Steps, and [(seconds of the parts of the diagnosis, of all, probes)] of a training and of its second half.

    Args:
        model_name: of a default recipe.
        steps: of the training, by default those of the recipe.
    """
    import keras

    import tfgen
    from tfgen.diagnosis.callback import Diagnosis
    from tfgen.models import build_from_recipe

    recipe = tfgen.load_recipe(model_name)
    source = tfgen.load_dataset(recipe.dataset, data_dir=recipe.data_dir)
    model = build_from_recipe(recipe, source.fields)
    if recipe.steps_per_execution:
        model.steps_per_execution = recipe.steps_per_execution
    examples = model.as_examples(source.splits["train"])
    last = steps or recipe.steps or recipe.epochs * model.steps_per_epoch(examples, recipe.batch_size)

    class Timed(Diagnosis):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.spent = collections.Counter()

        def _timed(self, part, method, *args):
            before, inner = time.process_time(), self.spent.total()
            found = method(*args)
            inside = self.spent.total() - inner  # of parts within this one
            self.spent[part() if callable(part) else part] += time.process_time() - before - inside
            return found

        def on_train_begin(self, logs=None):
            self._timed("first measurement", super().on_train_begin, logs)

        def on_train_batch_end(self, batch, logs=None):
            rows = len(self.rows)
            part = lambda: "probes" if len(self.rows) > rows else "between"  # noqa: E731
            self._timed(part, super().on_train_batch_end, batch, logs)

        def on_train_end(self, logs=None):
            self._timed("probes", super().on_train_end, logs)

        def _tried(self, row, final):
            return self._timed("trials", super()._tried, row, final)

    marks = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if len(marks) == 1 and int(self.model.step) >= last // 2:
                marks.append((diagnosis.spent.copy(), time.process_time(), len(diagnosis.rows)))

    clock, diagnosis = Clock(), Timed(validation_images=source.splits["validation"])
    marks.append((collections.Counter(), time.process_time(), 0))
    model.fit_examples(examples, recipe.batch_size, 10**6, last_step=last, callbacks=[diagnosis, clock], verbose=0)
    end, whole, rows = diagnosis.spent, time.process_time(), len(diagnosis.rows)
    return last, [({p: end[p] - own[p] for p in PARTS}, whole - then, rows - seen) for own, then, seen in marks]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="dcgan,cgan,vae,gan")
    parser.add_argument("--steps", type=int, help="of each training; default: those of the recipe")
    args = parser.parse_args()
    for name in args.models.split(","):
        steps, found = spent(name, args.steps)
        for part, (parts, whole, probes) in zip((f"{steps} steps", "second half"), found, strict=True):
            own = sum(parts.values())
            each = ", ".join(f"{what} {seconds:.2f}" for what, seconds in parts.items())
            more = f"{own / (whole - own):.2%} more"
            print(f"{name:8s} {part:11s} {own:.2f} s ({each}) of {whole:.2f} s, {probes} probes: {more}", flush=True)


if __name__ == "__main__":
    main()
