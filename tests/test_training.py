"""One training step and `fit`: which weights move, on which data, by how much, and the same bits every time."""

import contextlib
import math
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen import augment, likelihoods, losses, objectives, penalties, priors
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.adversarial.model import AdversarialModel
from tfgen.families.variational.model import Autoencoder, VariationalModel
from tfgen.models.common import seeded
from tfgen.training.fitting import epoch_segments
from tfgen.training.noise import Noise

SHAPE, LATENT, CLASSES, BATCH = (6, 5, 1), 3, 4, 8
LABELLED = {"image": Field(SHAPE, "uint8", (0, 255)), "label": Field((), "int64", (0, CLASSES))}


def generator(norm=True):
    latent = keras.Input((LATENT,), name="latent")
    x = layers.Dense(12)(latent)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.5)(x) if norm else x)
    return keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x)), name="generator")


def discriminator():
    image = keras.Input(SHAPE, name="image")
    x = layers.LeakyReLU()(layers.BatchNormalization(momentum=0.5)(layers.Dense(8)(layers.Flatten()(image))))
    return keras.Model(image, layers.Dense(1)(layers.Dropout(0.3)(x)), name="discriminator")


def gan(optimizers=(), seed=0, nets=(generator, discriminator), **options):
    with seeded(seed):
        model = AdversarialModel(*(make() for make in nets), latent_dim=LATENT, seed=seed, **options)
        model.compile(*optimizers)
    return model


def labelled_gan():
    with seeded(0):
        latent, label = keras.Input((LATENT,), name="latent"), keras.Input((), dtype="int64", name="label")
        x = layers.Concatenate()([latent, layers.Embedding(CLASSES, 2)(label)])
        picture = layers.Reshape(SHAPE)(layers.Dense(30, activation="tanh")(x))
        image = keras.Input(SHAPE, name="image")
        seen = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(CLASSES, 2)(label)])
        model = AdversarialModel(
            keras.Model({"latent": latent, "label": label}, picture, name="generator"),
            keras.Model({"image": image, "label": label}, layers.Dense(1)(seen), name="discriminator"),
            latent_dim=LATENT,
            fields=LABELLED,
            name="labelled",
        )
        model.compile()
    return model


def encoder(*heads):
    image = keras.Input(SHAPE, name="image")
    x = layers.Flatten()(image)
    return keras.Model(image, {name: layers.Dense(LATENT, name=name)(x) for name in heads}, name="encoder")


def decoder(likelihood):
    latent = keras.Input((LATENT,), name="latent")
    heads = likelihood.heads(lambda name: layers.Reshape(SHAPE)(layers.Dense(30, name=f"raw_{name}")(latent)))
    return keras.Model(latent, heads, name="decoder")


def vae(optimizer=None, seed=0, likelihood=likelihoods.bernoulli(), **options):
    with seeded(seed):
        nets = encoder("z_mean", "z_log_var"), decoder(likelihood)
        model = VariationalModel(*nets, likelihood=likelihood, seed=seed, **options)
        model.compile(optimizer)
    return model


def ae():
    with seeded(0):
        model = Autoencoder(encoder("latent"), decoder(likelihoods.bernoulli()))
        model.compile()
    return model


def weights(network):
    return {variable.path: variable.numpy().copy() for variable in network.variables}


def changed(before, network):
    """Paths of the variables that differ from `before`."""
    return {path for path, value in weights(network).items() if not np.array_equal(value, before[path])}


def step(model, photos, parts=1, **fields):
    """One training step, not compiled; its logs as numbers."""
    batch = {"image": tf.constant(photos(BATCH * parts, SHAPE)), **fields}
    return {name: float(value) for name, value in model.train_step(batch).items()}


@pytest.fixture(scope="module")
def images():
    """43 images: five steps of 8 an epoch, and a rest that is left out."""
    return np.random.default_rng(0).integers(0, 256, (43, *SHAPE), dtype=np.uint8)


# Which weights move.


def test_each_phase_moves_its_own_network_and_leaves_the_other_as_it_is_statistics_too(photos):
    model, seen = gan(discriminator_steps=2), []
    nets = model.networks

    def note(phase):
        seen.append((phase.name, {name: changed(before[name], net) for name, net in nets.items()}))
        before.update({name: weights(net) for name, net in nets.items()})

    model.after_update = note
    before = {name: weights(net) for name, net in nets.items()}
    step(model, photos, parts=2)
    assert [name for name, _ in seen] == ["discriminator", "discriminator", "generator"]
    for name, moved in seen:
        other = {"discriminator": "generator", "generator": "discriminator"}[name]
        # all but the offsets that batch norm takes out again, whose gradient is zero
        trained = {v.path for v in nets[name].variables if "seed" not in v.path}
        idle = {path for path in trained - moved[name] if not path.endswith("/bias")}
        assert not idle
        assert any("moving_mean" in path for path in moved[name])
        # a dropout mask is not repeated: its seed goes on whoever is trained
        assert {path for path in moved[other] if "seed" not in path} == set()


def test_in_its_own_step_g_meets_d_in_training_mode_and_a_new_dropout_mask(photos):
    model = gan()
    masks = []
    model.after_update = lambda phase: masks.append(tuple(model.seed_states()[0].numpy()))
    step(model, photos)
    step(model, photos)
    assert len(set(masks)) == 4


@pytest.mark.parametrize("k", [1, 3])
def test_k_discriminator_steps_take_k_fresh_parts_of_the_batch_and_k_fresh_latents(photos, k):
    model, parts, latents = gan(discriminator_steps=k), [], []
    terms = {name: getattr(model, f"{name}_terms") for name in ("discriminator", "generator")}

    def spy(name):
        def call(batch, noise):
            parts.append((name, batch["image"].numpy()))
            latents.append(model.draw_latents(batch, noise).numpy())
            return terms[name](batch, noise)

        return call

    model.discriminator_terms, model.generator_terms = spy("discriminator"), spy("generator")
    step(model, photos, parts=k)
    assert [name for name, _ in parts] == ["discriminator"] * k + ["generator"]
    seen = np.concatenate([part for name, part in parts if name == "discriminator"])
    np.testing.assert_allclose(seen, photos(BATCH * k, SHAPE) / 127.5 - 1.0, atol=1e-6)
    assert all(len(part) == BATCH for _, part in parts)
    assert len({z.tobytes() for z in latents}) == k + 1
    assert int(model.optimizers["discriminator"].iterations) == k
    assert int(model.optimizers["generator"].iterations) == 1
    assert int(model.step) == 1


def test_fake_images_take_the_labels_of_the_real_ones(photos):
    model, seen = labelled_gan(), []
    run = model.run_network
    model.run_network = lambda name, fields: (seen.append((name, fields["label"].numpy())), run(name, fields))[1]
    labels = np.arange(BATCH) % CLASSES
    step(model, photos, label=tf.constant(labels))
    assert [name for name, _ in seen].count("generator") == 2 and len(seen) == 5
    assert all(np.array_equal(given, labels) for _, given in seen)


# By how much.


def plain_discriminator():
    image = keras.Input(SHAPE, name="image")
    return keras.Model(image, layers.Dense(1)(layers.Flatten()(image)), name="discriminator")


def plain_generator():
    latent = keras.Input((LATENT,), name="latent")
    return keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(30)(latent)), name="generator")


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-np.asarray(a, np.float64)))


def linear_gan(photos):
    """A linear GAN with SGD, and all that its first step starts from."""
    sgd = [keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.25)]
    model = gan(sgd, nets=(plain_generator, plain_discriminator), prior=priors.normal())
    real = photos(BATCH, SHAPE).reshape(BATCH, 30) / 127.5 - 1.0
    return (
        model,
        real,
        *(w.numpy().astype(np.float64) for w in [*model.generator.weights, *model.discriminator.weights]),
    )


def test_a_gan_step_by_hand(photos):
    model, real, g_kernel, g_bias, d_kernel, d_bias = linear_gan(photos)
    z = {name: Noise(0, 0, f"train/{name}/0/").normal("latent", (BATCH, LATENT)).numpy() for name in model.networks}
    fake = z["discriminator"] @ g_kernel + g_bias
    on_real, on_fake = real @ d_kernel + d_bias, fake @ d_kernel + d_bias
    logs = step(model, photos)
    expected = np.mean(np.log1p(np.exp(-on_real))) + np.mean(np.log1p(np.exp(on_fake)))
    assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["real_score"] == pytest.approx(sigmoid(on_real).mean(), rel=1e-5)
    assert logs["fake_score"] == pytest.approx(sigmoid(on_fake).mean(), rel=1e-5)
    # d/da softplus(-a) = sigmoid(a) - 1, d/da softplus(a) = sigmoid(a)
    slope = real.T @ (sigmoid(on_real) - 1.0) / BATCH + fake.T @ sigmoid(on_fake) / BATCH
    d_kernel -= 0.25 * slope
    d_bias -= 0.25 * np.mean(sigmoid(on_real) - 1.0 + sigmoid(on_fake))
    for found, value in zip(model.discriminator.weights, (d_kernel, d_bias), strict=True):
        np.testing.assert_allclose(found, value, atol=1e-5)
    # then G, against the D that has just moved
    on_fake = (z["generator"] @ g_kernel + g_bias) @ d_kernel + d_bias
    assert logs["generator_loss"] == pytest.approx(np.mean(np.log1p(np.exp(-on_fake))), rel=1e-5)
    slope = (sigmoid(on_fake) - 1.0) @ d_kernel.T / BATCH
    np.testing.assert_allclose(model.generator.weights[0], g_kernel - 0.5 * z["generator"].T @ slope, atol=1e-5)
    np.testing.assert_allclose(model.generator.weights[1], g_bias - 0.5 * slope.sum(axis=0), atol=1e-5)


def vae_by_hand(model, x, samples):
    """What the first step of a linear VAE starts from: z [L, B, D], mean, log variance, logits [L, B, 30]."""
    kernels = {layer.name: [w.numpy().astype(np.float64) for w in layer.weights] for layer in model.encoder.layers}
    mean, log_var = (x @ kernels[name][0] + kernels[name][1] for name in ("z_mean", "z_log_var"))
    epsilon = Noise(0, 0, "train/elbo/0/").normal("epsilon", (BATCH, samples, LATENT)).numpy().swapaxes(0, 1)
    z = mean + np.exp(0.5 * log_var) * epsilon
    kernel, bias = (w.numpy().astype(np.float64) for w in model.decoder.weights)
    return z, mean, log_var, z @ kernel + bias


@pytest.mark.parametrize("samples", [1, 3])
def test_a_vae_step_by_hand(photos, samples):
    model = vae(keras.optimizers.SGD(0.125), samples=samples)
    x = photos(BATCH, SHAPE).reshape(BATCH, 30) / 255.0
    bias = model.decoder.weights[1].numpy()
    _, mean, log_var, logits = vae_by_hand(model, x, samples)
    log_px = np.sum(x * logits - np.log1p(np.exp(logits)), axis=-1)
    kl = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1.0 - log_var, axis=-1)
    logs = step(model, photos)
    assert logs["reconstruction"] == pytest.approx(-log_px.mean(), rel=1e-5)
    assert logs["kl"] == pytest.approx(kl.mean(), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-6)
    slope = np.mean(sigmoid(logits) - x, axis=(0, 1))
    np.testing.assert_allclose(model.decoder.weights[1], bias - 0.125 * slope, atol=1e-5)


def test_an_importance_weighted_step_by_hand(photos):
    model = vae(objective=objectives.iwae(), samples=4)
    x = photos(BATCH, SHAPE).reshape(BATCH, 30) / 255.0
    z, mean, log_var, logits = vae_by_hand(model, x, 4)
    log_px = np.sum(x * logits - np.log1p(np.exp(logits)), axis=-1)
    log_pz = np.sum(-0.5 * (z**2 + math.log(2 * math.pi)), axis=-1)
    log_qz = np.sum(-0.5 * ((z - mean) ** 2 / np.exp(log_var) + log_var + math.log(2 * math.pi)), axis=-1)
    bound = np.log(np.mean(np.exp(log_px + log_pz - log_qz), axis=0))
    logs = step(model, photos)
    assert logs["loss"] == pytest.approx(-bound.mean(), rel=1e-5)
    assert logs["importance_weighted"] == logs["loss"]
    assert logs["kl"] == pytest.approx(0.5 * np.mean(np.sum(mean**2 + np.exp(log_var) - 1 - log_var, -1)), rel=1e-5)


def test_the_closed_form_kl_is_what_sampling_finds():
    model = vae(samples=20_000)
    posterior = {"z_mean": tf.constant([[0.5, -1.0, 0.0]]), "z_log_var": tf.constant([[-1.0, 0.5, 0.0]])}
    z = model.draw(posterior, Noise(0, 0))
    ratio = model.log_posterior(z, posterior) - model.log_prior(z)
    error = float(4 * np.std(ratio) / math.sqrt(20_000))
    assert float(model.kl(posterior)[0]) == pytest.approx(float(np.mean(ratio)), abs=error)
    assert float(model.kl({"z_mean": tf.zeros([1, 3]), "z_log_var": tf.zeros([1, 3])})[0]) == 0.0


def test_a_prior_without_a_closed_form_takes_the_sampled_kl(photos):
    model = vae(prior=priors.uniform(-50, 50))
    assert model.kl({"z_mean": tf.zeros([1, 3]), "z_log_var": tf.zeros([1, 3])}) is None
    logs = step(model, photos)
    # E log q of a Gaussian is minus its entropy; log p = -3 log 100
    assert np.isfinite(logs["loss"]) and logs["kl"] == pytest.approx(3 * math.log(100.0) - 3 * 1.4189, abs=4.0)


@pytest.mark.parametrize(
    "make,total",
    [
        (lambda: gan(penalty=penalties.gradient_penalty(), loss=losses.wasserstein), "discriminator_total"),
        (lambda: gan(penalty=penalties.r1(5.0)), "discriminator_total"),
        (lambda: vae(objective=objectives.elbo(4.0, 10)), "loss"),
        (lambda: vae(likelihood=likelihoods.gaussian(None)), "loss"),
        (lambda: vae(likelihood=likelihoods.discretized_logistic()), "loss"),
        (ae, "loss"),
    ],
    ids=["wgan-gp", "r1", "warming", "gaussian", "logistic", "ae"],
)
def test_the_logged_terms_add_up_to_the_loss(photos, make, total):
    logs = step(make(), photos)
    terms = {"discriminator_loss", "gradient_penalty", "reconstruction", "kl", "weighted_kl"} & set(logs)
    terms -= {"kl"} if "weighted_kl" in terms else set()
    assert logs[total] == pytest.approx(sum(logs[name] for name in terms), rel=1e-5)


def test_the_average_of_g_by_hand(photos):
    model = gan(ema=0.2)
    expected = weights(model.generator)
    average = model.averaged_networks["generator"]
    np.testing.assert_array_equal(average.get_weights()[0], model.generator.get_weights()[0])
    for keep in (2 / 11, 0.2, 0.2):  # min(0.2, (1 + step) / (10 + step))
        step(model, photos)
        for path, value in weights(model.generator).items():
            expected[path] = keep * expected[path] + (1.0 - keep) * value
    for found, value in zip(average.get_weights(), expected.values(), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
    assert any("moving_variance" in path for path in expected)
    assert gan(ema=None).averaged_networks == {}


@pytest.mark.parametrize("loss", ["relativistic", "hinge", "least_squares", "minimax"])
def test_every_loss_trains(photos, loss):
    logs = step(gan(loss=getattr(losses, loss), augment=augment.translate()), photos)
    assert all(np.isfinite(value) for value in logs.values())


def test_instance_noise_reaches_real_and_fake_images_alike(photos):
    model, seen = gan(augment=augment.instance_noise(100.0)), []
    discriminate = model.discriminate
    model.discriminate = lambda inputs: (seen.append(np.std(inputs["image"])), discriminate(inputs))[1]
    step(model, photos)
    assert len(seen) == 3 and min(seen) > 80


def test_the_first_step_whose_loss_is_not_finite_is_remembered_and_the_weights_are_named(photos):
    model = gan()
    step(model, photos)
    assert int(model.first_bad_step) == -1 and model.non_finite_weights() == []
    kernel = model.discriminator.weights[0]
    kernel.assign(kernel * np.nan)
    for _ in range(2):
        step(model, photos)
    assert int(model.first_bad_step) == 2
    assert f"discriminator/{kernel.path}" in model.non_finite_weights()


# `fit`: the same bits.


def fitted(model, x, epochs=(2,), y=None, **options):
    for count in epochs:
        model.fit(x, y, batch_size=BATCH, epochs=count, verbose=0, **options)
    return model


def state(model):
    return {name: variable.numpy() for name, variable in model.state().items()}


def rewind(model, values):
    for name, variable in model.state().items():
        variable.assign(values[name])


@pytest.fixture(scope="module")
def course(images):
    """A GAN after two epochs of five steps, and its state before and after."""
    model = gan()
    start = state(model)
    fitted(model, images)
    return types.SimpleNamespace(model=model, start=start, end=state(model), digest=model.digest())


@pytest.fixture(scope="module")
def trained(course):
    """The model of `course`; not to be trained further."""
    return course.model


@pytest.fixture
def fresh(course):
    """The model of `course` at its start: compiling a training step anew takes seconds."""
    rewind(course.model, course.start)
    yield course.model
    rewind(course.model, course.end)


def test_two_fits_of_one_epoch_are_one_fit_of_two(course, fresh, images):
    assert fresh.digest() == gan().digest() != course.digest
    fitted(fresh, images, epochs=(1, 1))
    assert int(fresh.step) == 10 and fresh.digest() == course.digest


def test_another_seed_is_another_model_and_another_course(photos):
    one, same, other = gan(), gan(), gan(seed=1)
    assert one.digest() == same.digest() != other.digest()
    rewind(other, state(one))
    for model in (one, same, other):
        step(model, photos)
    assert one.digest() == same.digest() != other.digest()


def test_images_as_floats_train_to_the_same_bits_as_bytes(course, images):
    assert fitted(gan(), images.astype(np.float32) / 255.0).digest() == course.digest


@pytest.mark.parametrize("steps", [1, 4])
def test_several_steps_an_execution_are_the_same_steps(course, images, steps):
    model = gan()
    assert model.steps_per_execution == 16  # the default of dense networks
    model.steps_per_execution = steps
    assert fitted(model, images).digest() == course.digest


@pytest.mark.parametrize("steps", [1, 4])
def test_a_step_is_traced_once(steps, images, monkeypatch):
    model, traced = gan(), []
    step = model.update_step
    monkeypatch.setattr(model, "update_step", lambda data: (traced.append(data), step(data))[1])
    model.steps_per_execution = steps
    model.fit(images, batch_size=BATCH, epochs=2, verbose=0)
    assert len(traced) == 1


def test_a_compiled_step_is_the_plain_one_up_to_rounding(fresh, images):
    plain = gan()
    plain.run_eagerly = True
    for model in (plain, fresh):
        model.fit_examples(model.as_examples(images), BATCH, 1, last_step=3, verbose=0)
    for mine, its in zip(plain.generator.get_weights(), fresh.generator.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-4)


class Events(keras.callbacks.Callback):
    def __init__(self, stop_after=None):
        super().__init__()
        self.seen, self.stop_after = [], stop_after

    def on_train_begin(self, logs=None):
        self.seen.append("begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append("step")
        if int(self.model.step) == self.stop_after:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.last_logs = logs

    def on_train_end(self, logs=None):
        self.seen.append("end")


def test_a_training_stopped_within_an_epoch_goes_on_there_and_ends_on_the_same_bits(course, images):
    model, first, second = gan(), Events(stop_after=3), Events()
    model.steps_per_execution = 1  # a callback sees every step
    fitted(model, images, callbacks=[first])
    assert first.seen == ["begin", 0, "step", "step", "step", "end"] and int(model.step) == 3
    examples = model.as_examples(images)
    model.fit_examples(examples, BATCH, 2, initial_epoch=0, last_step=9, verbose=0, callbacks=[second])
    assert second.seen == ["begin", 0, "step", "step", 1, *["step"] * 4, "end"] and int(model.step) == 9
    third = Events()
    history = model.fit_examples(examples, BATCH, 2, initial_epoch=1, verbose=0, callbacks=[third])
    assert third.seen == ["begin", 1, "step", "end"]
    assert model.digest() == course.digest
    assert history.epoch == [1] and set(history.history) == set(third.last_logs)
    # nothing is left to do: no step, and still a history
    history = model.fit_examples(examples, BATCH, 2, initial_epoch=2, verbose=0, callbacks=[Events()])
    assert history.history == {} and int(model.step) == 10


def test_history_has_a_row_for_each_epoch_over_segments_of_unequal_length(images):
    model = vae(keras.optimizers.Adam(1e-2))
    model.fit(images, batch_size=BATCH, epochs=1, steps_per_epoch=3, verbose=0)
    history = model.fit(images, batch_size=BATCH, epochs=3, verbose=0)  # 2 steps, then 5, then 5
    assert int(model.step) == 15 and history.epoch == [0, 1, 2]
    assert {name: len(values) for name, values in history.history.items()} == {"loss": 3, "reconstruction": 3, "kl": 3}
    for row in zip(*(history.history[name] for name in ("loss", "reconstruction", "kl")), strict=True):
        assert row[0] == pytest.approx(row[1] + row[2], rel=1e-5)


@pytest.mark.parametrize(
    "arguments,expected",
    [
        ((0, 5, 0, 2), [(0, 2, 5)]),
        ((10, 5, 0, 1), [(0, 1, 5)]),
        ((3, 5, 0, 1), [(0, 1, 2)]),
        ((3, 5, 0, 3), [(0, 1, 2), (1, 3, 5)]),
        ((13, 5, 2, 4), [(2, 3, 2), (3, 4, 5)]),
        ((0, 5, 0, 3, 7), [(0, 1, 5), (1, 2, 2)]),
        ((3, 5, 0, 3, 4), [(0, 1, 1)]),
        ((3, 5, 0, 3, 8), [(0, 1, 2), (1, 2, 3)]),
        ((3, 5, 0, 9, 5), [(0, 1, 2)]),
        ((0, 5, 0, 2, 99), [(0, 2, 5)]),
        ((7, 5, 1, 3, 7), []),
        ((8, 5, 1, 3, 6), []),
        ((5, 5, 1, 1), []),
        ((0, 5, 0, 0), []),
        ((3, 5, 0, 2, None, False), [(0, 2, 5)]),
    ],
)
def test_the_runs_of_equally_long_epochs(arguments, expected):
    assert list(epoch_segments(*arguments)) == expected


def test_evaluate_gives_the_terms_and_changes_nothing(trained, images):
    before = trained.digest()
    first, again = (trained.evaluate(images, batch_size=BATCH, verbose=0, return_dict=True) for _ in range(2))
    assert set(first) == {"discriminator_loss", "generator_loss", "real_score", "fake_score"}
    assert first == again and all(np.isfinite(value) for value in first.values())
    assert trained.digest() == before


def test_validation_data_are_evaluated_at_each_epochs_end(images):
    model = vae()
    history = model.fit(images, batch_size=BATCH, epochs=2, validation_data=(images[:8],), verbose=0).history
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ["loss", "reconstruction", "kl", "val_loss", "val_reconstruction", "val_kl"], 2
    )


def test_a_data_set_is_used_as_given(images):
    batches = tf.data.Dataset.from_tensor_slices(images).batch(2 * BATCH, drop_remainder=True)
    model = gan(discriminator_steps=2)
    model.run_eagerly = True
    model.fit(batches.map(lambda image: {"image": image}), epochs=1, verbose=0)
    assert int(model.step) == 2 and int(model.optimizers["discriminator"].iterations) == 4
    with pytest.raises(UserError, match="got 0 to 255; divide by 255, or pass uint8"):
        model.fit(batches.map(lambda image: tf.cast(image, tf.float32)), verbose=0)
    with pytest.raises(UserError, match=r"uint8, or float in \[0, 1\], got int32"):
        model.fit(batches.map(lambda image: tf.cast(image, tf.int32)), verbose=0)
    with pytest.raises(UserError, match=r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\)"):
        model.fit(batches.map(lambda image: image[:, 1:]), verbose=0)
    with pytest.raises(UserError, match="a batch of 1 cannot be split into 2 parts"):
        model.fit(batches.map(lambda image: image[:1]), verbose=0)


def test_labels_come_as_a_second_array_a_dict_or_a_data_set(images):
    labels = np.arange(len(images)) % CLASSES
    model, rows = labelled_gan(), np.arange(5)
    assert model.num_classes == CLASSES and model.condition == "label"
    for examples in (
        model.as_examples(images, labels),
        model.as_examples({"image": images, "label": labels[:, None].astype(np.int32)}),
    ):
        np.testing.assert_array_equal(examples.gather(rows)["image"], images[:5])
        np.testing.assert_array_equal(examples.gather(rows)["label"], labels[:5])
    model.run_eagerly = True
    model.fit(tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH, drop_remainder=True).take(1), verbose=0)
    expected = labelled_gan()
    expected.train_step({"label": tf.constant(labels[:BATCH]), "image": tf.constant(images[:BATCH])})
    assert model.digest() == expected.digest()


# Mistakes.

FLOATS = np.zeros((BATCH, *SHAPE), np.float32)


@pytest.mark.parametrize(
    "x,sentence",
    [
        (FLOATS + 255.0, r"float in \[0, 1\], got float32 from 255 to 255"),
        (FLOATS - 0.5, r"float in \[0, 1\], got float32 from -0.5"),
        (np.where(np.arange(5)[:, None] == 2, np.nan, FLOATS), "NaN"),
        (FLOATS.astype(np.int32), "int32"),
        (FLOATS[:, 1:], r"takes images of shape \(6, 5, 1\), got \(5, 5, 1\)"),
        (np.zeros((BATCH, 6, 5, 3), np.uint8), r"takes images of shape \(6, 5, 1\), got \(6, 5, 3\)"),
        (FLOATS[0, :, :, 0], r"expected images \[N, H, W\]"),
        (FLOATS[:5], "one step takes 8 images, got only 5; lower batch_size"),
        ({"label": np.zeros(BATCH, int)}, "fit needs images, got the fields label"),
        ({"img": FLOATS}, "fit needs images, got the fields img"),
    ],
    ids=["bytes as floats", "tanh range", "nan", "int32", "height", "channels", "one image", "few", "label", "img"],
)
def test_wrong_images_are_refused_in_one_sentence(x, sentence):
    model = gan()
    with pytest.raises(UserError, match=sentence) as caught:
        model.fit(x, batch_size=BATCH, verbose=0)
    assert "\n" not in str(caught.value) and int(model.step) == 0


@pytest.mark.parametrize(
    "y,sentence",
    [
        (None, "labelled is trained on image and label, but 'label' was not given"),
        (np.full(BATCH, CLASSES), r"labels must lie in 0..3, got 4..4"),
        (np.full(BATCH, -1), "labels"),
        (np.zeros(BATCH), "integers"),
        (np.zeros(BATCH - 1, int), "7"),
        (np.zeros((BATCH, CLASSES), int), "argmax"),
    ],
    ids=["missing", "too high", "negative", "float", "fewer", "one-hot"],
)
def test_wrong_labels_are_refused_in_one_sentence(y, sentence):
    model = labelled_gan()
    with pytest.raises(UserError, match=sentence) as caught:
        model.fit(FLOATS, y, batch_size=BATCH, verbose=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "option", [{"sample_weight": np.ones(BATCH)}, {"class_weight": {0: 1.0}}, {"validation_split": 0.1}]
)
def test_what_a_generative_model_cannot_use_is_refused(option):
    with pytest.raises(UserError, match=f"takes no '{next(iter(option))}'"):
        gan().fit(FLOATS, batch_size=BATCH, verbose=0, **option)


def test_a_missing_field_is_named_with_the_nearest(photos):
    with pytest.raises(UserError, match="needs the field 'image' in every batch, got imag; did you mean 'imag'"):
        gan().train_step({"imag": tf.constant(photos(BATCH, SHAPE))})


def test_after_a_step_that_failed_the_networks_are_used_in_inference_mode_again(photos):
    model = gan()

    def fail(batch, noise):
        raise RuntimeError

    model.generator_terms = fail
    with contextlib.suppress(RuntimeError):
        step(model, photos)
    before = weights(model.discriminator)
    model.discriminate({"image": tf.zeros([BATCH, *SHAPE])})
    assert changed(before, model.discriminator) == set()


@pytest.mark.parametrize(
    "make,sentence",
    [
        (lambda: gan(discriminator_steps=0), "discriminator_steps must be at least 1, got 0"),
        (lambda: gan(ema=1.0), r"ema must lie in \[0, 1\) or be None, got 1.0"),
        (lambda: vae(samples=0), "samples must be at least 1, got 0"),
    ],
)
def test_mistakes_in_a_model_are_said(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


# Sampling.


def test_a_sample_is_a_prefix_of_a_larger_one_and_any_part_can_be_had(trained):
    many = trained.sample(12, seed=3)
    assert many.shape == (12, *SHAPE) and many.dtype == np.uint8
    np.testing.assert_array_equal(trained.sample(5, seed=3), many[:5])
    np.testing.assert_array_equal(trained.sample(4, seed=3, start=6), many[6:10])
    assert not np.array_equal(trained.sample(12, seed=4), many)
    assert len({image.tobytes() for image in many}) == 12
    assert trained.sample(0).shape == (0, *SHAPE)


def test_samples_do_not_depend_on_the_batch(trained):
    many = trained.sample(12, seed=3)
    for size in (1, 5, 12):
        np.testing.assert_array_equal(trained.sample(12, seed=3, batch_size=size), many)


def test_samples_come_from_the_average_of_the_generator(trained):
    latents = trained.latents_from_seeds(tf.constant((7 << 32) + np.arange(4)))
    assert np.abs(latents).max() <= 1.0 and latents.shape == (4, LATENT)
    average, raw = (net(latents).numpy() for net in (trained.averaged_networks["generator"], trained.generator))
    expected = np.floor((average + 1.0) / 2.0 * 255.0 + 0.5)
    assert np.abs(trained.sample(4, seed=7).astype(int) - expected).max() <= 1
    assert not np.array_equal(average, raw)
    np.testing.assert_array_equal(trained.sampling_network()(latents), average)


def test_labels_cycle():
    model = labelled_gan()
    cycles = [model.condition_of(6, label).tolist() for label in (None, 2, [3, 1], np.array([0], np.int32))]
    assert cycles == [[0, 1, 2, 3, 0, 1], [2] * 6, [3, 1, 3, 1, 3, 1], [0] * 6]


def test_a_label_changes_the_image_and_every_one_keeps_its_own_latent():
    model = labelled_gan()
    mixed = model.sample(4, seed=1)
    for label in range(CLASSES):
        alone = model.sample(4, seed=1, label=label)
        np.testing.assert_array_equal(alone[label], mixed[label])
        assert not np.array_equal(alone[(label + 1) % 4], mixed[(label + 1) % 4])
    np.testing.assert_array_equal(model.sample(2, seed=1, start=2), mixed[2:])


@pytest.mark.parametrize(
    "make,arguments,sentence",
    [
        (gan, {"label": 1}, "is not conditional and takes no label"),
        (gan, {"stochastic": True}, "no distribution of pixels"),
        (gan, {"n": -1}, "n >= 0"),
        (gan, {"seed": -1}, "seed"),
        (gan, {"seed": 2**31}, "seed"),
        (gan, {"batch_size": 0}, "batch_size"),
        (labelled_gan, {"label": 4}, r"labels are 0..3, got \[4\]"),
        (labelled_gan, {"label": [0, -1]}, "labels are 0..3"),
        (labelled_gan, {"label": 1.5}, "one integer or a list"),
        (labelled_gan, {"label": []}, "one integer or a list"),
        (ae, {}, "a plain autoencoder cannot generate"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_mistakes_in_sampling_are_said(make, arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        make().sample(**{"n": 2, **arguments})


def test_stochastic_samples_are_drawn_pixels_of_the_mean_images():
    model = vae()
    mean, drawn = model.sample(6, seed=2), model.sample(6, seed=2, stochastic=True)
    assert set(np.unique(drawn)) == {0, 255} and len(np.unique(mean)) > 2
    np.testing.assert_array_equal(model.sample(3, seed=2, stochastic=True, batch_size=2), drawn[:3])
    assert abs(drawn.mean() - mean.mean()) < 30
    # the pixels' noise is not that of the latents, nor the same for all images
    assert len({(image < 128).tobytes() for image in drawn}) == 6


def test_an_autoencoders_reconstruction_is_the_decoders_mean_at_the_code(photos):
    for model in (vae(), ae()):
        x = photos(3, SHAPE)
        code = next(iter(model.encode_images(x.astype(np.float32) / 255.0).values()))
        expected = model.decode_latents(code)
        np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-6)
        assert model.reconstruct(x.astype(np.float32) / 255.0).dtype == tf.float32


def test_discriminate_images_takes_unit_images_in_inference_mode(trained, photos):
    x = photos(3, SHAPE) / np.float32(255.0)
    expected = trained.discriminator(2.0 * x - 1.0, training=False)
    np.testing.assert_allclose(trained.discriminate_images(x), expected, atol=1e-5)


# Saving.


def saved_and_loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


RICH = {
    "gan": lambda: gan(
        [keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.RMSprop(1e-3)],
        seed=2,
        prior=priors.spherical(),
        loss=losses.hinge,
        penalty=penalties.r1(2.0),
        discriminator_steps=2,
        augment=augment.chain(augment.translate(), augment.instance_noise()),
        ema=0.5,
    ),
    "vae": lambda: vae(
        keras.optimizers.AdamW(1e-3),
        seed=3,
        likelihood=likelihoods.gaussian(None),
        objective=objectives.elbo(0.5, 7),
        samples=2,
        value_range=(-1.0, 1.0),
        ema=0.9,
    ),
    "labelled": labelled_gan,
    "ae": ae,
}


@pytest.mark.parametrize("name", RICH)
def test_a_model_comes_back_whole_from_its_file(name, photos, tmp_path):
    model = RICH[name]()
    fields = {"label": tf.zeros([2 * BATCH], tf.int64)} if name == "labelled" else {}
    step(model, photos, 2, **fields)
    loaded = saved_and_loaded(model, tmp_path)
    assert type(loaded) is type(model) and loaded.digest() == model.digest() and int(loaded.step) == 1
    configs = [{name: c for name, c in m.get_config().items() if name not in m.networks} for m in (loaded, model)]
    assert configs[0] == configs[1]
    assert loaded.image_shape == SHAPE and loaded.fields == model.fields and loaded.seed == model.seed
    step(model, photos, 2, **fields)
    step(loaded, photos, 2, **fields)
    assert loaded.digest() == model.digest()
    if model.can_sample:
        np.testing.assert_array_equal(loaded.sample(3), model.sample(3))


def undecorated(*arguments):
    return tf.constant(0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": losses.Loss(undecorated, losses.wasserstein_generator)},
        {"loss": losses.Loss(losses.hinge_discriminator, lambda fake, real: tf.reduce_mean(fake))},
        {"penalty": undecorated},
        {"augment": lambda images, noise: images},
    ],
    ids=["discriminator", "lambda", "penalty", "augment"],
)
def test_an_undecorated_function_of_ones_own_is_refused_when_the_model_is_saved(options, tmp_path):
    sentence = "cannot be saved by name; decorate it with @keras.saving.register_keras_serializable"
    with pytest.raises(UserError, match=sentence) as caught:
        gan(**options).save(tmp_path / "model.keras")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@keras.saving.register_keras_serializable(package="test_training")
def decorated_penalty(discriminate, real, fake, noise):
    return tf.reduce_mean(tf.square(discriminate(real)))


def test_a_decorated_penalty_of_ones_own_is_saved_and_trains(photos, tmp_path):
    model = gan(penalty=decorated_penalty)
    assert step(model, photos)["gradient_penalty"] > 0.0
    assert saved_and_loaded(model, tmp_path).penalty is decorated_penalty


def test_public_names_are_these_classes():
    assert tfgen.AdversarialModel is AdversarialModel and tfgen.VariationalModel is VariationalModel
