"""tfgen's `fit` as a contender in a process of its own, for settings that TensorFlow reads when it starts."""

import argparse

import numpy as np

from benchmarks import sides
from benchmarks.turns import serve


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file")
    for name in ("batch_size", "width"):
        parser.add_argument(f"--{name}", type=int)
    args = parser.parse_args()
    make = sides.tfgen_fit(shared_pass=True)
    serve({"fit": make(np.load(args.file), args.batch_size, args.width)})


if __name__ == "__main__":
    main()
