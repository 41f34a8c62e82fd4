"""One training step: which weights move, and by how much, against the same step by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import BATCH, CLASSES, LATENT, SHAPE, Laplace, ae, changed, gan, labelled_gan, step, vae, weights
from keras import layers

from tfgen import augment, likelihoods, losses, objectives, penalties, priors
from tfgen.noise import Noise
from tfgen.training.step import Step

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
        def call(batch, step):
            parts.append((name, batch["image"].numpy()))
            latents.append(model.draw_latents(batch, step).numpy())
            return terms[name](batch, step)

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


def test_fake_images_take_the_labels_of_the_real_ones(photos, monkeypatch):
    model, seen = labelled_gan(), []
    run = Step.run

    def spy(self, name, fields):
        seen.append((name, fields["label"].numpy()))
        return run(self, name, fields)

    monkeypatch.setattr(Step, "run", spy)
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
    model = vae()
    posterior = {"z_mean": tf.constant([[0.5, -1.0, 0.0]]), "z_log_var": tf.constant([[-1.0, 0.5, 0.0]])}
    z = model.draw(posterior, model.inference_step(Noise(0, 0)), 20_000)
    ratio = model.log_posterior(z, posterior) - model.log_prior(z)
    error = float(4 * np.std(ratio) / math.sqrt(20_000))
    assert float(model.kl(posterior)[0]) == pytest.approx(float(np.mean(ratio)), abs=error)
    assert float(model.kl({"z_mean": tf.zeros([1, 3]), "z_log_var": tf.zeros([1, 3])})[0]) == 0.0


def test_a_prior_without_a_closed_form_takes_the_sampled_kl(photos):
    model = vae(prior=Laplace(50.0))
    assert model.kl({"z_mean": tf.zeros([1, 3]), "z_log_var": tf.zeros([1, 3])}) is None
    logs = step(model, photos)
    # E log q of a Gaussian is minus its entropy; log p is about -3 log 100
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
    judge = model.judge
    model.judge = lambda fields, step: (seen.append(np.std(fields["image"])), judge(fields, step))[1]
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
