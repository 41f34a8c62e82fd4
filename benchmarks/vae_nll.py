"""The importance-weighted bound of a run on binarised MNIST: k = 5000, the whole test set.

    python benchmarks/vae_nll.py --run=runs/vae-binarized_mnist --data_dir=FOLDER

Burda et al. 2016 report 88.71 nats for a VAE of one stochastic layer, 784-200-200-50-200-200-784, on Larochelle's fixed
binarisation, with the same estimator. About six minutes on 2 cores; `--stride=10` takes every tenth image, as the
set is ordered by digit.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tfgen
from tfgen.metrics import elbo, importance_weighted_bound


def progress_since(start):
    def show(done, total):
        left = (time.monotonic() - start) / done * (total - done)
        end = "\n" if done == total else "\r"
        print(f"{done}/{total} images, {left / 60:.1f} minutes left ", end=end, file=sys.stderr, flush=True)

    return show


def with_error(values):
    return f"{values.mean():.3f} +- {values.std(ddof=1) / len(values) ** 0.5:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="the run's folder")
    parser.add_argument("--data_dir", help="where its data set lies, if not where it was trained")
    parser.add_argument("--split", default="test", choices=["train", "validation", "test"])
    parser.add_argument("--k", type=int, default=5000)
    parser.add_argument("--stride", type=int, default=1, help="every n-th image")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    run = tfgen.load_run(args.run)
    source = tfgen.load_dataset(run.recipe.dataset, data_dir=args.data_dir or run.recipe.data_dir)
    if args.split not in source.splits:
        sys.exit(f"{source.name} has no split {args.split!r}, only {', '.join(source.splits)}")
    examples = source.splits[args.split]
    fields, model = examples.gather(np.arange(0, len(examples), args.stride)), run.model
    images, conditions = fields[model.data_field], {name: fields[name] for name in model.conditions}
    start = time.monotonic()
    shown = progress_since(start)
    bound = importance_weighted_bound(model, images, args.k, args.seed, conditions=conditions, progress=shown)
    minutes = (time.monotonic() - start) / 60
    print(f"{args.run}: step {int(model.step)}, {model.likelihood}")
    print(f"{len(images)} {args.split} images of {source.name}, +- the standard error over images")
    print(f"negative log-likelihood, bound with k={args.k}: {with_error(-bound)} nats ({minutes:.1f} minutes)")
    evidence = elbo(model, images, 50, args.seed, conditions=conditions)
    print(f"negative ELBO, 50 samples: {with_error(-evidence)} nats")


if __name__ == "__main__":
    main()
