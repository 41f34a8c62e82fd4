"""Peak memory of training: whether it grows with the epochs, and how many copies of the data it holds.

    python benchmarks/memory.py --epochs=3,30

Every measurement is a process of its own, on random images from an npz file. "Copies of the data" is by how much the
peak grows from `--few` images to `--images`, in units of the difference of their sizes as bytes (uint8): one copy is
what is wanted. With `--array` it is `fit` on a NumPy array that the caller holds, and tfgen's own copy beside it where
the array does not begin at a multiple of 64 bytes. The growth with the epochs is what the longer run's peak adds.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MB = 1 << 20


def peak():
    """Peak resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def train(args, images, epochs):
    """Trains on a file of random images, `args.steps` steps an epoch whatever their number, and prints the peak."""
    import numpy as np

    import tfgen

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.npz"
        write_random_images(file, images)
        options = {"network": "dense"} if args.model in ("ae", "vae") else {}
        model = tfgen.build_model(args.model, image_shape=(28, 28, 1), num_classes=10, **options)
        before = peak()
        if args.array:
            data = np.load(file)["x_train"], np.load(file)["y_train"]
        else:
            data = (tfgen.load_dataset(f"npz:{file}").splits["train"],)
    if not model.conditional:
        data = data[:1]
    model.fit(*data, batch_size=args.batch_size, epochs=epochs, steps_per_epoch=args.steps, verbose=0)
    print(f"RESULT {before} {peak()}", flush=True)


def write_random_images(file, count):
    """An npz file of `count` images and labels, written by a process of its own: its memory is not to count."""
    code = "import sys, numpy as np; r = np.random.default_rng(0); n = int(sys.argv[2]); np.savez(sys.argv[1], "
    code += "x_train=r.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8), y_train=r.integers(0, 10, n))"
    subprocess.run([sys.executable, "-c", code, str(file), str(count)], check=True)


def child(args, images, epochs):
    """(peak before `fit`, peak at the end) in bytes."""
    command = [sys.executable, __file__, "--one", str(images), str(epochs), f"--model={args.model}"]
    command += [f"--batch_size={args.batch_size}", f"--steps={args.steps}"] + ["--array"] * args.array
    done = subprocess.run(command, capture_output=True, text=True)
    result = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if done.returncode or not result:
        sys.exit(done.stderr[-2000:])
    return tuple(int(word) for word in result[-1].split()[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vae")
    parser.add_argument("--epochs", default="3,30", help="a short run and a long one")
    parser.add_argument("--images", type=int, default=600_000, help="470 MB, ten times MNIST")
    parser.add_argument("--few", type=int, default=60_000)
    parser.add_argument("--steps", type=int, default=100, help="an epoch")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--array", action="store_true", help="fit on an array instead of a loaded data set")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        train(args, *args.one)
        return
    short, long = (int(word) for word in args.epochs.split(","))
    peaks = {}
    for images, epochs in ((args.few, short), (args.few, long), (args.images, short)):
        before, after = child(args, images, epochs)
        peaks[images, epochs] = after
        print(
            f"{images:7d} images {epochs:4d} epochs: peak {after / MB:7.0f} MB ({before / MB:.0f} before the data)",
            flush=True,
        )
    growth = peaks[args.few, long] - peaks[args.few, short]
    more = long - short
    print(f"growth over {more} more epochs: {growth / MB:.1f} MB, {growth / 1024 / more:.0f} kB an epoch")
    copies = (peaks[args.images, short] - peaks[args.few, short]) / (784 * (args.images - args.few))
    print(f"copies of the data in memory: {copies:.2f}")


if __name__ == "__main__":
    main()
