"""The share of a training's time that the diagnosis takes, by a stopwatch around it.

    python -m benchmarks.diagnosis_cost --models=dcgan,cgan,vae,gan --steps=1200

Each model's own recipe on its own data; the first half of the steps, in which functions are traced, does not count.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def share(model_name, steps):
    """(seconds of the diagnosis, of all, probes) in the second half of a training of `steps` steps."""
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
        spent, counted = 0.0, 0

        def on_train_batch_end(self, batch, logs=None):
            before, probes = time.perf_counter(), len(self.rows)
            super().on_train_batch_end(batch, logs)
            if clock.since is not None:
                self.spent += time.perf_counter() - before
                self.counted += len(self.rows) - probes

    class Clock(keras.callbacks.Callback):
        since = end = None

        def on_train_batch_end(self, batch, logs=None):
            step, self.end = int(self.model.step), time.perf_counter()
            if self.since is None and step >= steps // 2:
                self.since = self.end

    clock, diagnosis = Clock(), Timed(validation_images=source.splits["validation"])
    examples = model.as_examples(source.splits["train"])
    model.fit_examples(examples, recipe.batch_size, 10**6, last_step=steps, callbacks=[clock, diagnosis], verbose=0)
    return diagnosis.spent, clock.end - clock.since, diagnosis.counted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="dcgan,cgan,vae,gan")
    parser.add_argument("--steps", type=int, default=1200)
    args = parser.parse_args()
    for name in args.models.split(","):
        spent, whole, probes = share(name, args.steps)
        print(f"{name:8s} {spent:.3f} s of {whole:.2f} s, {probes} probes: {spent / whole:.2%}", flush=True)


if __name__ == "__main__":
    main()
