"""Several layers of latents: products of normal distributions by hand, bounds against closed forms, free bits."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_gaussian import Linear, LinearGaussian, dense
from scipy import integrate, special, stats

import tfgen
from tfgen.diagnosis.rules import Past, Row
from tfgen.errors import UserError
from tfgen.families.variational import rules
from tfgen.families.variational.ladder import LadderModel, agreed, freed
from tfgen.metrics import importance_weighted_bound
from tfgen.networks.ladder import ladder_networks, mixture_table

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
BATCH = {"image": tf.constant(IMAGES)}


def built(**options):
    return tfgen.build_model(
        "ladder_vae",
        SHAPE,
        **{"latent_dim": 3, "latents": [2], "width": 2, "depth": 1, "kl_warmup_steps": 0, **options},
    )


# The product of two normal distributions, in units of the second.


def test_the_agreed_distribution_by_quadrature():
    said, said_var, mean, var = 1.3, 0.4, -0.5, 2.5

    def product(z):
        return stats.norm.pdf(z, said, math.sqrt(said_var)) * stats.norm.pdf(z, mean, math.sqrt(var))

    total, first, second = (integrate.quad(lambda z, n=n: z**n * product(z), -20, 20)[0] for n in (0, 1, 2))
    center, spread = first / total, second / total - (first / total) ** 2
    q = agreed(*(tf.constant(v, tf.float32) for v in (said, math.log(said_var), mean, math.log(var))))
    assert float(q.mean) == pytest.approx((center - mean) / math.sqrt(var), rel=1e-5)
    assert math.exp(float(q.log_var)) == pytest.approx(spread / var, rel=1e-5)


def test_without_evidence_it_is_the_prior():
    q = agreed(tf.constant(5.0), tf.constant(60.0), tf.constant(1.0), tf.constant(0.3))
    assert float(q.mean) == pytest.approx(0.0, abs=1e-6) and float(q.log_var) == pytest.approx(0.0, abs=1e-6)


# A linear ladder of two layers: p(z_1|z_2) = N(A z_2, S I), p(x|z_1) = N(W z_1 + b, sigma^2).

A, S = 0.8, 0.6


@pytest.fixture(scope="module")
def linear():
    return Linear()


def ladder_of(linear, **options):
    """The encoder says the posterior of z_1 alone, too wide, and of z_2 a wide guess; the state is unused."""
    encoder, decoder = linear.networks()
    size = linear.latent
    image = keras.Input(linear.shape, name="image")
    low, top = encoder(image), dense(size, np.eye(size) * 0.7, np.zeros(size))(encoder(image)["z_mean"])
    wide = dense(size, np.zeros((size, size)), np.full(size, math.log(0.7)))(top)
    heads = {"mean_1": low["z_mean"], "log_var_1": low["z_log_var"], "mean_2": top, "log_var_2": wide}
    latent, state = keras.Input((size,), name="latent"), keras.Input((1,), name="state")
    mean = dense(size, A * np.eye(size), np.zeros(size))(latent)
    log_var = dense(size, np.zeros((size, size)), np.full(size, math.log(S)))(latent)
    flat = dense(size, np.zeros((size, 1)), np.zeros(1))(latent)
    down = keras.Model(latent, {"mean": mean, "log_var": log_var, "state": flat})
    made = keras.Model({"latent": latent, "state": state}, decoder(latent))
    fields = {"image": tfgen.Field("image", linear.shape)}
    model = LadderModel(
        keras.Model(image, heads), made, [down], likelihood=LinearGaussian(linear.sigma), fields=fields, **options
    )
    model.compile()
    return model


def both(linear, top_var=1.0):
    """The same with one layer: z_1 ~ N(0, (A^2 V + S) I)."""
    one = Linear()
    one.w = linear.w * math.sqrt(A**2 * top_var + S)
    return one


@pytest.fixture(scope="module")
def model(linear):
    return ladder_of(linear)


def test_the_bound_is_that_of_all_layers(linear, model):
    images = np.random.default_rng(2).integers(0, 256, (4, *linear.shape), dtype=np.uint8)
    expected = both(linear).log_p_of(images)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=8000), expected, atol=0.1)
    assert model.chain_prior == tfgen.priors.normal()


def test_divergences_in_closed_form_are_those_of_the_draws(linear, model):
    images = tf.constant(np.random.default_rng(3).random((3, *linear.shape)), tf.float32)
    step = model.inference("test")
    drawn = model.drawn({"image": images}, step, 6000)
    kls = model.divergences(drawn, step)
    log_px, log_pu, log_qu, kl = model.densities(drawn, step)
    assert log_px.shape == log_pu.shape == log_qu.shape == (6000, 3) and len(kls) == 2
    np.testing.assert_allclose(kl, tf.add_n(kls))
    np.testing.assert_allclose(kl, tf.reduce_mean(log_qu - log_pu, axis=0), atol=0.06)
    # log p(x|u) belongs to its own u
    again = model.likelihood.log_prob(
        model.prepared({"image": images}, step)[0], model.decode(drawn.z[7], {"image": images}, step)
    )
    np.testing.assert_allclose(log_px[7], again, rtol=1e-4)


def test_samples_pass_all_layers(linear, model):
    u = tf.function(model.latents_from_seeds)(tf.range(3000, dtype=tf.int64))
    z = []
    model.descended(
        tf.constant(3000),
        model.inference("test"),
        lambda n, mean, log_var: (
            z.append(mean + tf.exp(0.5 * log_var) * u[:, (2 - n) * linear.latent : (3 - n) * linear.latent]) or z[-1]
        ),
    )
    np.testing.assert_allclose(z[0], u[:, : linear.latent])
    np.testing.assert_allclose(np.var(z[1], axis=0), A**2 + S, rtol=0.1)
    np.testing.assert_allclose(model.latents_from_seeds(tf.range(2, dtype=tf.int64)), u[:2], atol=1e-6)


@pytest.mark.plugins
def test_a_learned_prior_of_the_top(linear):
    """p(z_2) = 1/2 sum N(m_k, v_k): a mixture of Gaussians of x."""
    table = mixture_table(linear.latent, 2)
    model = ladder_of(linear, top_prior=table)
    means, log_vars = np.array([[2.0, -1.0], [-0.5, 0.7]]), np.log([[0.3, 0.3], [0.6, 0.6]])
    table.get_layer("mean").set_weights([means])
    table.get_layer("log_var").set_weights([log_vars])
    images = np.random.default_rng(2).integers(0, 256, (4, *linear.shape), dtype=np.uint8)
    x = linear.seen(images)
    parts = [
        stats.multivariate_normal.logpdf(
            x.reshape(4, -1),
            linear.b + linear.w @ (A * m),
            linear.w @ linear.w.T * (A**2 * math.exp(v[0]) + S) + linear.sigma**2 * np.eye(linear.pixels),
        )
        for m, v in zip(means, log_vars, strict=True)
    ]
    expected = special.logsumexp(parts, axis=0) - math.log(2)
    step = model.inference("test")
    drawn = model.drawn({"image": tf.constant(images, tf.float32) / 255.0}, step, 4000)
    _, log_pu, log_qu, kl = model.densities(drawn, step)
    np.testing.assert_allclose(kl, tf.reduce_mean(log_qu - log_pu, axis=0), atol=0.06)
    np.testing.assert_allclose(importance_weighted_bound(model, images, k=8000), expected, atol=0.1)
    top = tf.function(model.latents_from_seeds)(tf.range(3000, dtype=tf.int64)).numpy()[:, : linear.latent]
    np.testing.assert_allclose(top.mean(axis=0), means.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(top.var(axis=0), np.exp(log_vars).mean(axis=0) + means.var(axis=0), rtol=0.1)
    with pytest.raises(UserError, match="learned prior at its top: chains know plain priors alone"):
        _ = model.chain_prior


# Training.


def test_the_mean_is_free_and_not_each_image():
    kl = tf.constant([1.0, 5.0])
    np.testing.assert_array_equal(freed(kl, tf.reduce_mean(kl), 2.0), [1.0, 5.0])
    np.testing.assert_array_equal(freed(kl, tf.reduce_mean(kl), 4.0), [4.0, 4.0])


def test_divergences_below_the_free_bits_cost_nothing():
    """The loss counts max(divergence, free) of each layer; a layer that is below has no gradient of its own."""
    costs = {}
    for free in (0.0, 1000.0):
        model = built(free_bits=free)
        logs = {name: float(value) for name, value in model.train_step(BATCH).items()}
        costs[free] = logs
        assert logs["kl_1"] > 0 and logs["kl_2"] > 0
    assert costs[0.0]["kl"] == pytest.approx(costs[0.0]["kl_1"] + costs[0.0]["kl_2"], rel=1e-5)
    assert costs[1000.0]["freed_kl"] == pytest.approx(2000.0)
    assert costs[1000.0]["kl"] == pytest.approx(costs[1000.0]["kl_1"] + costs[1000.0]["kl_2"], rel=1e-5)
    between = (costs[0.0]["kl_1"] + costs[0.0]["kl_2"]) / 2  # above one layer's divergence, below the other's
    larger = max(costs[0.0]["kl_1"], costs[0.0]["kl_2"])
    logs = built(free_bits=between).train_step(BATCH)
    assert float(logs["freed_kl"]) == pytest.approx(between + larger, rel=1e-5)
    model = built(free_bits=1000.0)
    weights = [v.value for v in model.encoder.trainable_variables]
    with tf.GradientTape() as tape:
        cost = model.elbo_terms(model.as_batch(BATCH), model.probing_step(model.noise()))["freed_kl"]
    gradients = tape.gradient(cost, weights, unconnected_gradients="zero")
    assert not any(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize(
    "call,sentence",
    [
        (
            lambda: built(free_bits=1.0).compile(accumulate=2),
            "free_bits compares divergences of the whole batch, which",
        ),
        (lambda: built(objective="beta_tc(4)"), "is of a normal q.z.x., and here there are several layers"),
        (lambda: built(objective="iwae", free_bits=1.0), "'free_bits' has no effect with an objective of single draws"),
        (
            lambda: built(latents=[2, 2]),
            "a layer for each of the smallest sizes .* at most depth=1 numbers in latents, got 2",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call()


@pytest.mark.parametrize("shape", [(16, 17, 1), (9, 12, 3)])
def test_layers_have_the_sizes_of_their_maps(shape):
    encoder, decoder, down = ladder_networks(shape, tfgen.likelihoods.bernoulli(), (2, 3), 5, width=2, depth=2)
    rows = [-(-side // 2) for side in shape[:2]], [-(-side // 4) for side in shape[:2]]
    sizes = {1: 2 * math.prod(rows[0]), 2: 3 * math.prod(rows[1]), 3: 5}
    said = encoder(tf.zeros([2, *shape]))
    assert {name: value.shape[1] for name, value in said.items()} == {
        f"{head}_{number}": size for number, size in sizes.items() for head in ("mean", "log_var")
    }
    first = down[1](tf.zeros([2, 5]))
    second = down[0]({"latent": first["mean"], "state": first["state"]})
    assert first["mean"].shape == (2, sizes[2]) and second["log_var"].shape == (2, sizes[1])
    assert decoder({"latent": second["mean"], "state": second["state"]})["image"].shape == (2, *shape)


def test_codes_are_those_that_reconstruct():
    model = built()
    codes = model.encode(IMAGES)
    assert codes["z_mean"].shape == codes["z_log_var"].shape == (6, 3 + 2 * 16) and model.latent_dim == 35
    np.testing.assert_allclose(model.decode_latents(codes["z_mean"]), model.reconstruct(IMAGES), atol=1e-6)
    assert np.all(codes["z_log_var"][:, 3:] <= 0.0)  # below the top, evidence only narrows
    said = model.encoder(tf.constant(IMAGES, tf.float32) / 255.0)  # at the top, it is all that there is
    np.testing.assert_allclose(codes["z_mean"][:, :3], said["mean_2"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(codes["z_log_var"][:, :3], said["log_var_2"], rtol=1e-4, atol=1e-6)


def test_a_layer_that_says_nothing_is_named():
    rule = rules.LAYER_RULES[0]
    row = Row({"layers": 3.0, "kl_layer_1": 20.0, "kl_layer_2": 5.0, "kl_layer_3": 0.01, "active_units": 40.0})
    row |= {"kl": 25.0, "kl_latent_max": 2.0}
    assert rule.holds(row, Past()) and "of 3 layers of latents, of which 1 is the lowest, layer 3" in rule.message(
        row, Past()
    )
    assert not rule.holds(Row(row | {"kl_layer_3": 1.0}), Past()) and not rule.holds(Row(), Past())
    assert {rule.name for rule in built().rules()}.isdisjoint(rules.OF_SINGLE_LATENTS)


@pytest.mark.parametrize(
    "shape,layers", [((8, 8, 1), 2), ((9, 13, 3), 2), pytest.param((28, 28, 1), 3, marks=pytest.mark.slow)]
)
def test_small_images_have_as_many_layers_as_their_maps_have_sizes(shape, layers):
    model = tfgen.build_model("ladder_vae", shape, latent_dim=3, width=2)
    assert model.layer_count == layers
    assert tfgen.build_model("ladder_vae", (28, 28, 1), latent_dim=3, width=2, latents=[2]).latent_dim == 7 * 7 * 2 + 3
