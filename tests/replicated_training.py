"""Trains tiny models on one or several replicas, for the tests of distribution, which run this in processes of its own.

    python tests/replicated_training.py FOLDER REPLICAS CASE...

REPLICAS are numbers of logical CPUs, with commas between, as 1,2,3; or `workers`, for those that TF_CONFIG names. Each
case, of `CASES`, is trained on each, for 20 steps or as many as it says. FOLDER gets a file `1.npz` and so on, or
`worker0.npz`, with `CASE/before/NAME` and `CASE/after/NAME` of every variable, and `CASE/logs/NAME` of what `fit` logs.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "1"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import tfgen  # noqa: E402
from tfgen.data.source import Arrays, Examples  # noqa: E402
from tfgen.distribution.replicas import within  # noqa: E402
from tfgen.networks.seeding import seeded  # noqa: E402

STEPS, BATCH = 20, 12
CONV = {"width": 4, "latent_dim": 4, "kernel_size": 3}
DENSE = {"latent_dim": 4, "units": (16,), "maxout_units": (8,), "dropout": 0.0}
SGD = {"optimizer": "sgd", "learning_rate": 0.05}
# a gradient near zero is mostly rounding, and Adam divides it by its own size unless epsilon is larger
ADAM = {"generator_learning_rate": 2e-4, "discriminator_learning_rate": 2e-4, "epsilon": 1e-3}
SLOW = {"optimizer": "sgd", "learning_rate": 1e-4}
VAE = {"latent_dim": 3, "width": 4, "ema": 0.9}
CASES = {
    "dcgan": ("dcgan", {**CONV, **SGD}, {}),
    "dcgan_adam": ("dcgan", {**CONV, **ADAM}, {}),
    "critic": (
        "dcgan",
        {**CONV, **SGD, "learning_rate": 2e-4, "discriminator_steps": 3, "penalty": "gradient_penalty"},
        {"mirror": True},
    ),
    "noisy": ("dcgan", {**CONV, **SGD, "instance_noise": 0.1, "label_smoothing": 0.1, "augment": "translate"}, {}),
    "r1": ("dcgan", {**CONV, **SGD, "penalty": "r1(0.1)", "loss": "relativistic"}, {}),
    "spectral": ("dcgan", {**CONV, **SGD, "spectral": True, "normalize": False, "weight_clip": 0.5}, {}),
    "whole_batch": (
        "dcgan",
        {**CONV, **SGD, "penalty": "lecam", "selection": "top_k(0.5, 5)", "augment": "adaptive(0.2, 100)"},
        {},
    ),
    "averages": (
        "dcgan",
        {**CONV, **SGD, "loss": "relativistic_average", "penalty": "r1_r2(0.1, every=4)", "feature_matching": 0.1},
        {},
    ),
    "packed": ("pacgan", {**CONV, **SGD}, {}),
    "balanced": ("began", {"width": 2, "latent_dim": 3, "gain": 0.1, **SGD, "learning_rate": 1e-3}, {}),
    "shared": ("dcgan", {**CONV, **SGD, "shared_pass": True}, {}),
    "cgan": ("cgan", {**CONV, **SGD}, {}),
    "captions": (
        "caption_gan",
        {**CONV, **SGD, "learning_rate": 2e-3, "caption_units": 4, "hardness": 5.0, "interpolation": 1.0},
        {},
    ),
    "gan": ("gan", {**DENSE, **SGD, "normalize": True}, {}),
    "gan_adam": ("gan", DENSE, {}),
    "vae": (
        "vae",
        {"latent_dim": 3, "width": 4, "samples": 2, "ema": 0.9, "optimizer": "sgd", "learning_rate": 1e-4},
        {},
    ),
    "vae_adam": ("vae", {"latent_dim": 3, "width": 4, "binarize": "dynamic", "ema": 0.9}, {}),
    "total_correlation": ("beta_tc_vae", {"latent_dim": 3, "width": 4, **SLOW}, {}),
    "discrepancy": ("info_vae", {"latent_dim": 3, "width": 4, **SLOW}, {}),
    "factors": ("factor_vae", {"latent_dim": 3, "width": 4, "hidden": [4], **SLOW}, {}),
    "vamp": ("vamp_vae", {"latent_dim": 3, "width": 4, "components": 4, "ema": 0.9, **SLOW}, {}),
    "two_stages": ("two_stage_vae", {"latent_dim": 3, "width": 4, "hidden": [4], **SLOW}, {}),
    "ladder": (
        "ladder_vae",
        {"latent_dim": 3, "latents": [2], "width": 2, "free_bits": 2.0, "kl_warmup_steps": 0, "ema": 0.9, **SLOW},
        {},
    ),
    "quantized": (
        "vq_vae",
        {"latent_dim": 3, "width": 4, "codes": 8, "prior_width": 4, "prior_blocks": 1, "ema": 0.9, **SLOW},
        {},
    ),
    "wasserstein": ("wae", {"latent_dim": 3, "width": 4, **SLOW}, {}),
    "smooth": (
        "rae",
        {"latent_dim": 3, "width": 4, **SLOW, "smoothness": "gradient"},
        {},
    ),
    "ae": ("ae", {"latent_dim": 3, "width": 4, "optimizer": "sgd", "learning_rate": 1e-4}, {}),
    "quick": ("dcgan", {**CONV, **SGD, "depth": 1, "discriminator_steps": 2}, {"mirror": True}),
    "streamed": ("gan", {**DENSE, **SGD, "normalize": True}, {"streamed": True}),
    "dataset": ("dcgan", {**CONV, **SGD, "learning_rate": 5e-3, "discriminator_steps": 2}, {"dataset": True}),
    "clipped": ("gan", {**DENSE, **SGD}, {"clip": True}),
    "accumulated": ("gan", {**DENSE, **SGD}, {"accumulate": 2}),
    "coupled": ("coupled", {}, {}),
    "coupled_step": ("coupled", {}, {"steps": 1}),  # of SGD: the way that it has come is the gradient
}


class Coupled(tfgen.GenerativeModel):
    """Codes whose density is estimated from all codes of a batch, as for a total correlation (Chen et al. 2018, 4)."""

    default_optimizers = {"codes": {"learning_rate": 0.01}, "head": {"learning_rate": 0.01}}

    @property
    def phases(self):
        return [
            tfgen.Phase("codes", ("encoder",), "codes", self.codes_terms),
            tfgen.Phase("head", ("encoder", "head"), "head", self.head_terms),
        ]

    def codes(self, batch, step):
        return step.once("codes", lambda: step.run("encoder", batch))

    def codes_terms(self, batch, step):
        own = self.codes(batch, step)
        rows = step.gather(own)
        distances = tf.reduce_sum(tf.square(own[:, None] - rows[None]), axis=-1)
        # own rows against all, whose mean is over replicas; and all against all, the same on each
        entropy = tf.reduce_mean(tf.reduce_logsumexp(-distances, axis=1))
        spread = tf.reduce_mean(tf.square(tf.math.reduce_std(rows, axis=0) - 1.0))
        return {"entropy": entropy, "spread": spread}

    def head_terms(self, batch, step):
        made = step.gather(step.run("head", {"codes": self.codes(batch, step)}))
        return {"head_loss": tf.square(tf.reduce_mean(made * tf.reverse(made, [0])) - 1.0)}


def coupled(shape, seed):
    """A compiled `Coupled` model, trained by SGD."""
    image, codes = keras.Input(shape, name="image"), keras.Input((3,), name="codes")
    hidden = keras.layers.Dense(8, "tanh")(keras.layers.Rescaling(1.0 / 4)(keras.layers.Flatten()(image)))
    encoder = keras.Model(image, keras.layers.Dense(3)(hidden), name="encoder")
    head = keras.Model(codes, keras.layers.Dense(2)(codes), name="head")
    model = Coupled({"encoder": encoder, "head": head}, fields={"image": tfgen.Field("image", shape)}, seed=seed)
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    return model


class Streamed(Examples):
    """Examples that are decoded when asked for, and count how often."""

    def __init__(self, arrays):
        self.arrays, self.reads = arrays, np.zeros(len(arrays), np.int64)

    def __len__(self):
        return len(self.arrays)

    def fields(self):
        return self.arrays.fields()

    def gather(self, indices):
        np.add.at(self.reads, indices, 1)
        return self.arrays.gather(indices)


def examples():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5 * BATCH * 3 + 1, 16, 16, 1), dtype=np.uint8)
    texts = np.array([f"a {shade} {noun}" for shade in ("dark", "light") for noun in ("bag", "coat", "dress")], object)
    captions = random.choice(texts, len(images))
    return Arrays({"image": images, "label": random.integers(0, 3, len(images)), "caption": captions})


def numbers(model):
    return {name: variable.numpy() for name, variable in model.state().items()}


def build(name, options):
    """The compiled model of a case, weights from its seed."""
    if name == "coupled":
        with seeded(1):
            return coupled((16, 16, 1), seed=1)
    classes = {"num_classes": 3} if name == "cgan" else {}
    return tfgen.build_model(name, image_shape=(16, 16, 1), seed=1, **classes, **options)


def train(name, strategy):
    """The arrays of one case: before, after, logs."""
    model_name, options, settings = CASES[name]
    with within(strategy):
        model = build(model_name, options)
        if settings.get("clip"):
            model.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.05), keras.optimizers.SGD(0.5, clipnorm=0.02))
    model.accumulate = settings.get("accumulate", 1)
    before, data = numbers(model), examples()
    if settings.get("streamed"):
        data = Streamed(data)
    history = fit(model, data, settings)
    made = {f"before/{k}": v for k, v in before.items()} | {f"after/{k}": v for k, v in numbers(model).items()}
    made |= {f"logs/{k}": np.array(v) for k, v in history.history.items()}
    made |= {f"logs/rows of {k}": np.array(count) for k, (_, count) in model.averages.values().items()}
    if settings.get("streamed"):
        made["reads"] = data.reads
    return {f"{name}/{key}": value for key, value in made.items()}


def fit(model, data, settings):
    whole = len(data) // (BATCH * model.parts)
    if settings.get("dataset"):
        images = tf.data.Dataset.from_tensor_slices(data.arrays["image"]).repeat().batch(BATCH * model.parts)
        return model.fit(images, steps_per_epoch=10, epochs=2, verbose=0)
    steps = settings.get("steps", STEPS)
    epochs = -(-steps // whole)
    return model.fit_examples(data, BATCH, epochs, last_step=steps, mirror=settings.get("mirror", False), verbose=0)


def logical_cpus(count):
    cpus = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)


def main(folder, replicas, *cases):
    if replicas == "workers":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        strategies = {f"worker{strategy.cluster_resolver.task_id}": strategy}
    else:
        counts = [int(count) for count in replicas.split(",")]
        logical_cpus(max(counts))
        strategies = {n: tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(n)]) for n in counts if n > 1}
        strategies |= {1: None} if 1 in counts else {}
    for name, strategy in strategies.items():
        arrays = {}
        for case in cases:
            arrays |= train(case, strategy)
        np.savez(os.path.join(folder, f"{name}.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
