"""The parts of the benchmark: which contenders take turns in each, and which ratios of theirs are stated.

A part is a function `part(settings) -> Part`; the TensorFlow contenders are built when their first window begins.
"""

import contextlib
import dataclasses
import functools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

import numpy as np

from benchmarks import measuring
from benchmarks.measuring import Comparison
from benchmarks.turns import ROOT, Child, windows
from tfgen.precision import cpu_flags

EVALUATED = 10_000
SIZES = (512, 1024, 2048, 4096)  # of the products that measure the peak; a tiny network gets tiny ones
VAE = {"units": 512, "latent": 20}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the flags say.

    Attributes:
        seconds, repeats: of the windows, and how many rounds of them.
        batch_size, width: of the tutorial's network; 128 and 64 are the ones to compare.
        python: of the environment with PyTorch and pythae, or None.
        data_dir: where Fashion-MNIST lies, or None.
    """

    seconds: float = 5.0
    repeats: int = 7
    batch_size: int = 128
    width: int = 64
    python: str | None = None
    data_dir: str | None = None

    @functools.cached_property
    def images(self):
        """The training images of Fashion-MNIST, uint8 [60000, 28, 28, 1]."""
        return np.ascontiguousarray(measuring.garments(self.data_dir))


@dataclasses.dataclass(frozen=True)
class Part:
    """Contenders and what is stated of them.

    Attributes:
        title: of its table.
        contenders: dict of name -> `f(seconds) -> Window`.
        comparisons: list of `Comparison`.
        unit: of what a window does, in a second; "s" states the seconds that one takes.
        notes: sentences below the table.
        details: `f(windows) -> dict` of more figures, for the JSON file and the table, or None.
        close: ends what the part has started.
    """

    title: str
    contenders: dict
    comparisons: list = dataclasses.field(default_factory=list)
    unit: str = "images/s"
    notes: tuple = ()
    details: Callable | None = None
    close: Callable = lambda: None


def first_asked(make, *args):
    """`f(seconds) -> Window` that is made by `make(*args)` when its first window begins."""
    made = functools.cache(lambda: make(*args))
    return lambda seconds: made()(seconds)


def trained(make, settings):
    return first_asked(make, settings.images, settings.batch_size, settings.width)


def fit(settings):
    """tfgen's `fit` against hand-written loops of the same updates."""
    from benchmarks import sides

    contenders = {
        "hand-written loop": sides.loop(sides.alternating),
        "tfgen fit": sides.tfgen_fit(),
        "tfgen fit, EMA of G": sides.tfgen_fit(ema=0.999),
        "hand-written loop, shared pass": sides.loop(sides.shared),
        "tfgen fit, shared pass": sides.tfgen_fit(shared_pass=True),
    }
    comparisons = [
        Comparison("tfgen fit", "hand-written loop", 0.97),
        Comparison("tfgen fit, EMA of G", "hand-written loop"),
        Comparison("tfgen fit, shared pass", "hand-written loop, shared pass", 0.97),
    ]
    return Part(
        "tfgen's fit and a hand-written tf.function loop",
        {name: trained(make, settings) for name, make in contenders.items()},
        comparisons,
        notes=("The same networks, batch, updates and order of passes on both sides of a ratio.",),
    )


def published(settings):
    """The steps of TensorFlow's tutorial and of keras.io beside tfgen's."""
    from benchmarks import sides

    contenders = {
        "TensorFlow's tutorial": sides.loop(sides.tutorial),
        "keras.io": sides.keras_io,
        "tfgen fit": sides.tfgen_fit(),
        "tfgen fit, shared pass": sides.tfgen_fit(shared_pass=True),
    }
    comparisons = [
        Comparison("tfgen fit, shared pass", "TensorFlow's tutorial"),
        Comparison("tfgen fit", "keras.io"),
        Comparison("tfgen fit", "TensorFlow's tutorial"),
    ]
    return Part(
        "The published steps of TensorFlow's DCGAN tutorial and of keras.io",
        {name: trained(make, settings) for name, make in contenders.items()},
        comparisons,
        notes=(
            "The steps differ in arithmetic: the tutorial takes both gradients from one pass of each network, keras.io "
            "passes real and fake images through D as one batch and makes fresh ones for G, as tfgen does by default; "
            "with a shared pass tfgen runs D on the fake images once more, after D's update.",
        ),
    )


@contextlib.contextmanager
def image_file(settings):
    """A file of the images for another process, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "images.npy"
        np.save(file, settings.images)
        yield file


def from_child(settings, module, arguments, python=None, variables=()):
    """A process, by default of the other environment; it has read its images by the time this returns."""
    with image_file(settings) as file:
        flags = [f"--{name}={value}" for name, value in arguments.items()]
        return Child(python or settings.python, module, f"--file={file}", *flags, variables=variables)


def torch(settings):
    """PyTorch with the same network in the same order of passes."""
    from benchmarks import sides

    arguments = {"batch_size": settings.batch_size, "width": settings.width}
    child = from_child(settings, "benchmarks.torch_side", arguments)
    units = sorted({"avx512_bf16", "amx_bf16"} & cpu_flags())
    contenders, comparisons = {}, []
    for half in (False, True) if units else (False,):
        kind, policy = (", bfloat16", "mixed_bfloat16") if half else ("", "float32")
        for shared in (False, True):
            order = ", shared pass" if shared else ""
            mine, other = f"tfgen fit{order}{kind}", f"PyTorch{order}{kind}"
            contenders[other] = child.contender(f"{shared} {half}")
            contenders[mine] = trained(sides.tfgen_fit(shared_pass=shared, policy=policy), settings)
            wanted = {(False, False): 1.3, (False, True): 1.5, (True, True): 1.6}.get((half, shared))
            comparisons.append(Comparison(mine, other, wanted))
        comparisons.append(Comparison(f"tfgen fit, shared pass{kind}", f"PyTorch{kind}"))
    said = f"PyTorch {child.about['version']} with {child.about['threads']} threads, channels-last, fused Adam."
    without = "No bfloat16: this processor has neither avx512_bf16 nor amx_bf16, and would only emulate it."
    notes = (said, f"bfloat16 by {units[0]}." if units else without)
    return Part("PyTorch", contenders, comparisons, notes=notes, close=child.close)


def pythae(settings):
    """pythae's VAE against the same one in tfgen."""
    arguments = {"batch_size": settings.batch_size, **VAE}
    child = from_child(settings, "benchmarks.pythae_side", arguments)

    def tfgen_vae():
        import tfgen
        from benchmarks import sides

        options = {"network": "dense", "units": (VAE["units"],), "activation": "relu", "latent_dim": VAE["latent"]}
        model = tfgen.build_model("vae", image_shape=(28, 28, 1), **options)
        return sides.fitted(model, settings.images, settings.batch_size)

    contenders = {"pythae": child.contender("pythae"), "tfgen vae": first_asked(tfgen_vae)}
    versions = ", ".join(f"{name} {version}" for name, version in child.about.items())
    said = f"784-512-20-512-784, Adam, float32, each by its own trainer; {versions}."
    return Part("pythae's VAE", contenders, [Comparison("tfgen vae", "pythae", 1.4)], notes=(said,), close=child.close)


def onednn(settings):
    """Training with and without oneDNN's kernels, which TensorFlow uses by itself on some processors only."""
    arguments = {"batch_size": settings.batch_size, "width": settings.width}
    children = {
        f"tfgen fit, shared pass, oneDNN {said}": from_child(
            settings, "benchmarks.tf_side", arguments, sys.executable, {"TF_ENABLE_ONEDNN_OPTS": value}
        )
        for value, said in (("0", "off"), ("1", "on"))
    }
    off, on = children
    note = "TF_ENABLE_ONEDNN_OPTS=1 turns it on, 0 off; sums in another order are other bits."

    def close():
        for child in children.values():
            child.close()

    contenders = {name: child.contender("fit") for name, child in children.items()}
    return Part("oneDNN", contenders, [Comparison(on, off)], notes=(note,), close=close)


def peak(settings):
    """The share of the measured peak of matrix products that a training step reaches."""
    from benchmarks import network, sides

    sizes = [size for size in SIZES if size <= max(64 * settings.width, SIZES[0])]
    products = {f"product of {size} x {size}": first_asked(sides.matrix_product, size) for size in sizes}
    steps = {
        "tfgen fit": ("default", sides.tfgen_fit()),
        "tfgen fit, shared pass": ("shared", sides.tfgen_fit(shared_pass=True)),
    }
    networks = network.generator(settings.width), network.discriminator(settings.width)

    def shares(found):
        speeds = {name: [w.done / w.wall for w in rows] for name, rows in found.items()}
        best = [max(speeds[name][turn] for name in products) for turn in range(settings.repeats)]
        rows = {}
        for name, (order, _) in steps.items():
            for zeros, said in ((True, ""), (False, ", without products with the zeros around a map")):
                flops = network.step_flops(*networks, order, zeros)
                values = [flops * speed / top for speed, top in zip(speeds[name], best)]
                wanted = 0.75 if zeros else None
                row = {"flops_per_image": flops, "wanted": wanted, "values": values, **measuring.spread(values)}
                rows[f"{name}{said}"] = row
        return {"peak_gflops": measuring.spread([top / 1e9 for top in best]), "share_of_peak": rows}

    contenders = products | {name: trained(make, settings) for name, (_, make) in steps.items()}
    return Part(
        "Share of the measured peak of float32 matrix products",
        contenders,
        unit="a second: operations of products, images of steps",
        notes=("Operations of a step are counted by `benchmarks.network.step_flops`; the peak is the best size's.",),
        details=shares,
    )


def pipeline(settings):
    """tfgen's step-indexed input against a shuffle buffer of `tf.data`."""

    def step_indexed():
        import tensorflow as tf

        from tfgen.data import pipeline

        position = tf.Variable(0, dtype=tf.int64)
        examples = {"image": settings.images}
        dataset = pipeline.step_indexed(
            examples, batch_size=settings.batch_size, seed=0, position=position, batches=10**9
        )
        return counted(dataset, settings.batch_size)

    def buffered():
        import tensorflow as tf

        dataset = tf.data.Dataset.from_tensor_slices(settings.images).shuffle(len(settings.images))
        dataset = dataset.batch(settings.batch_size, drop_remainder=True).repeat().prefetch(tf.data.AUTOTUNE)
        return counted(dataset, settings.batch_size)

    contenders = {"tf.data, shuffle buffer": first_asked(buffered), "tfgen pipeline": first_asked(step_indexed)}
    comparison = Comparison("tfgen pipeline", "tf.data, shuffle buffer")
    return Part("Input: batches of all images in random order", contenders, [comparison])


def counted(dataset, batch_size):
    iterator = iter(dataset)

    def step():
        next(iterator)
        return batch_size

    return windows(step)


def startup(settings):
    """Seconds from the command to the help, and to the end of the first training step."""

    def command(*arguments, expected):
        def once():
            with tempfile.TemporaryDirectory() as folder:
                words = [sys.executable, "-m", "tfgen.run", *arguments]
                words += [f"--workdir={folder}/run"] if "--help" not in arguments else []
                done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
            if done.returncode or expected not in done.stdout:
                raise RuntimeError(f"{' '.join(words[1:])} failed:\n{done.stderr[-2000:]}")
            return 1

        return lambda seconds: windows(once)(0.0)

    train = ("--model=dcgan", "--plugin=benchmarks.first_step")
    contenders = {
        "python -m tfgen.run --help": command("--help", expected="--model"),
        "python -m tfgen.run --model=dcgan, to its first step": command(*train, expected="first step done"),
    }
    note = "Wanted on 2 cores: less than 0.5 s, and less than 8 s."
    return Part("Start-up", contenders, unit="s", notes=(note,))


def evaluation(settings):
    """10,000 images against 10,000 through the shipped extractor."""
    from tfgen import metrics
    from tfgen.metrics.extractors import load_extractor

    @functools.cache
    def features():
        extractor = load_extractor("fashion_mnist")
        pair = settings.images[:EVALUATED], settings.images[EVALUATED : 2 * EVALUATED]
        return extractor, pair[0], *(extractor.features(images) for images in pair)

    def timed(work):
        def once():
            work(*features())
            return 1

        return lambda seconds: windows(once)(0.0)

    contenders = {
        "features of 10,000 images": timed(lambda extractor, images, a, b: extractor.features(images)),
        "Frechet distance": timed(lambda extractor, images, a, b: metrics.frechet_distance(a, b)),
        "kernel distance": timed(lambda extractor, images, a, b: metrics.kernel_distance(a, b)),
        "precision, recall, density, coverage": timed(lambda extractor, images, a, b: metrics.neighbour_scores(a, b)),
    }
    return Part("Evaluation: 10,000 images against 10,000, shipped extractor", contenders, unit="s")


def sampling(settings):
    """`model.sample` against a compiled call of the generator on random latents."""
    from benchmarks import network

    count = 1000

    def sample():
        import tfgen

        networks = network.generator(settings.width), network.discriminator(settings.width)
        model = tfgen.AdversarialModel(*networks, latent_dim=network.LATENT)

        def step():
            return len(model.sample(count))

        return windows(step)

    def called():
        import tensorflow as tf

        generator = network.generator(settings.width)

        @tf.function
        def make():
            images = generator(tf.random.normal([250, network.LATENT]), training=False)
            return tf.cast(tf.round(images * 127.5 + 127.5), tf.uint8)

        return windows(lambda: len(np.concatenate([make().numpy() for _ in range(count // 250)])))

    contenders = {"compiled generator alone": first_asked(called), "tfgen sample": first_asked(sample)}
    comparison = Comparison("tfgen sample", "compiled generator alone")
    note = "tfgen's image i follows from the seed and i alone, whatever is drawn with it."
    return Part("Sampling", contenders, [comparison], notes=(note,))


PARTS = {
    part.__name__: part
    for part in (fit, published, torch, pythae, onednn, peak, pipeline, startup, evaluation, sampling)
}
ELSEWHERE = ("torch", "pythae")  # they need the other environment
