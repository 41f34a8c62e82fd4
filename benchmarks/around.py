"""The parts around training: input, start-up, evaluation, sampling."""

import functools
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks.measuring import Comparison
from benchmarks.part import Part, first_asked
from benchmarks.turns import ROOT, windows

EVALUATED = 10_000


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
    from tfgen.extractors import load_extractor

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
