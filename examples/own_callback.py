"""A callback of your own in a run with a folder: any Keras callback goes into tfgen.train.

    python examples/own_callback.py

Watches one sample of the generator while it trains, prints how much it still changes, and writes own_callback.png, its
life from left to right. The run's folder is runs/own_callback.
"""

import argparse

import keras
import numpy as np

import tfgen
from tfgen.storage.images import grid, save_png


class OneSample(keras.callbacks.Callback):
    """Keeps the first four samples of the model after every nth step."""

    def __init__(self, every):
        super().__init__()
        self.every, self.kept = every, []

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.step)
        if step % self.every:
            return
        self.kept.append(self.model.sample(4, seed=0))  # the same latents at every step
        if len(self.kept) > 1:
            change = np.abs(self.kept[-1].astype(int) - self.kept[-2]).mean()
            print(f"step {step:4}: the samples changed by {change:.1f} of 255 since the last look", flush=True)


def main(steps):
    watch = OneSample(every=max(1, steps // 10))
    recipe = tfgen.load_recipe("dcgan").replace(steps=steps, options={"width": 8, "ema": 0.99})
    run = tfgen.train(recipe, "runs/own_callback", resume="never", callbacks=[watch])
    lives = np.stack(watch.kept, axis=1)  # [4, looks, H, W, C]
    save_png("own_callback.png", grid(lives.reshape(-1, *lives.shape[2:]), columns=lives.shape[1]))
    print(f"{len(watch.kept)} looks at four samples: own_callback.png; the run: {run.folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="training steps")
    main(parser.parse_args().steps)
