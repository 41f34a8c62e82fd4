"""The share of a training's CPU time that the diagnosis takes, by a stopwatch around it.

    python -m benchmarks.diagnosis_cost --models=dcgan,cgan,vae,gan --steps=1200

Each model's own recipe on its own data. CPU time, since other processes do not change it much. Of the whole training,
in which functions are traced once, and of the second half of its steps.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def spent(model_name, steps):
    """[(seconds of the diagnosis, of all, probes)] of a training of `steps` steps, and of its second half."""
    import keras

    import tfgen
    from tfgen.diagnosis.callback import Diagnosis
    from tfgen.models import build_from_recipe

    recipe = tfgen.load_recipe(model_name)
    source = tfgen.load_dataset(recipe.dataset, data_dir=recipe.data_dir)
    model = build_from_recipe(recipe, source.fields)
    if recipe.steps_per_execution:
        model.steps_per_execution = recipe.steps_per_execution

    class Timed(Diagnosis):
        spent = 0.0

        def _timed(self, method, *args):
            before = time.process_time()
            method(*args)
            self.spent += time.process_time() - before

        def on_train_begin(self, logs=None):
            self._timed(super().on_train_begin, logs)

        def on_train_batch_end(self, batch, logs=None):
            self._timed(super().on_train_batch_end, batch, logs)

        def on_train_end(self, logs=None):
            self._timed(super().on_train_end, logs)

    marks = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if len(marks) == 1 and int(self.model.step) >= steps // 2:
                marks.append((diagnosis.spent, time.process_time(), len(diagnosis.rows)))

    clock, diagnosis = Clock(), Timed(validation_images=source.splits["validation"])
    examples = model.as_examples(source.splits["train"])
    marks.append((0.0, time.process_time(), 0))
    model.fit_examples(examples, recipe.batch_size, 10**6, last_step=steps, callbacks=[diagnosis, clock], verbose=0)
    end = diagnosis.spent, time.process_time(), len(diagnosis.rows)
    return [tuple(last - first for last, first in zip(end, mark, strict=True)) for mark in marks]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="dcgan,cgan,vae,gan")
    parser.add_argument("--steps", type=int, default=1200)
    args = parser.parse_args()
    for name in args.models.split(","):
        for part, (own, whole, probes) in zip(("all", "second half"), spent(name, args.steps), strict=True):
            share = own / (whole - own)
            print(f"{name:8s} {part:11s} {own:.2f} s of {whole:.2f} s, {probes} probes: {share:.2%} more", flush=True)


if __name__ == "__main__":
    main()
