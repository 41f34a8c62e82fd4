"""Samples per second of each sampler of flows against what the network alone would make, in one run on one machine.

    python -m benchmarks.samplers --run=runs/latent_flow-fashion_mnist_mini
    python -m benchmarks.samplers --model=flow_matching --seconds=5

Prints a table: passes of the network per sample, images per CPU second, and the ratio to the network's own speed
divided by these passes; wanted is 0.9. What else a sample costs (noise, a decoder, rounding) counts against the
sampler. With guidance every step asks the network with and without the condition, which is two passes.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import measuring, turns
from tfgen.machine.processor import prefer_onednn
from tfgen.machine.startup import start_tensorflow

NETWORK, ROWS = "the network alone", 250  # images at once, as `sample` makes them


def flags():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="the folder of a flow's run")
    parser.add_argument(
        "--model", default="flow_matching", help="without a run: an untrained one of 28 x 28, by its recipe"
    )
    parser.add_argument("--steps", type=int, default=10, help="of each sampler")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each contender in each round")
    parser.add_argument("--repeats", type=int, default=3, help="rounds")
    return parser


def contenders(model, samplers, rows=ROWS):
    """name -> function that makes `rows` samples, or one pass of the network on as many; and name -> passes."""
    import tensorflow as tf

    seeds = tf.range(rows, dtype=tf.int64)
    taken = {name: tf.constant(values) for name, values in model.conditions_for(rows).items()}
    given = model.condition_fields(taken)
    x, t = tf.random.stateless_normal([rows, *model.flow_shape], [0, 0]), tf.fill([rows], 0.5)
    alone = tf.function(lambda: model.velocity(x, t, given), autograph=False)
    calls = {NETWORK: lambda: alone().numpy()}
    for sampler in samplers:
        draw = model.sample_from_seeds(sampler)
        calls[repr(sampler)] = lambda draw=draw: draw(seeds, taken).numpy()
    return calls, {NETWORK: 1} | {repr(sampler): sampler.passes for sampler in samplers}


def table(windows, passes, rows=ROWS):
    """The lines of the table, from windows whose `done` are calls."""
    lines = ["| | passes | images per CPU second | of the network's own speed |", "|---|---|---|---|"]
    for name, found in windows.items():
        speed = measuring.spread([window.done * rows / window.cpu for window in found])["median"]
        ratio = [a.done * passes[name] / a.cpu * b.cpu / b.done for a, b in zip(found, windows[NETWORK], strict=True)]
        lines.append(f"| {name} | {passes[name]} | {speed:.1f} | {measuring.spread(ratio)['median']:.2f} |")
    return lines


def chosen(model, steps):
    """The samplers that a model can take, with guidance where it has learned to do without its condition."""
    from tfgen import samplers

    found = [make(steps) for make in (samplers.euler, samplers.heun, samplers.ddim, samplers.ancestral)]
    guided = [samplers.heun(steps, guidance=2.0)] if model.conditions and model.condition_dropout else []
    return [*found, *guided]


def main():
    args = flags().parse_args()
    prefer_onednn()
    start_tensorflow()
    import tfgen
    from tfgen import models

    if args.run:
        model = tfgen.load_run(args.run).model
    else:
        fields = {"image": tfgen.Field("image", (28, 28, 1)), "label": tfgen.Field("label", range=(0, 10))}
        model = models.build_from_recipe(tfgen.load_recipe(args.model), fields)
    calls, passes = contenders(model, chosen(model, args.steps))
    steps = {name: turns.windows(lambda call=call: 1 if call() is not None else 0) for name, call in calls.items()}
    print(*table(measuring.in_turns(steps, args.seconds, args.repeats), passes), sep="\n")


if __name__ == "__main__":
    main()
