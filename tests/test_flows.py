"""Flows: their terms, their samplers, guidance, pairs, and the flow of codes."""

import itertools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import interpolants, samplers
from tfgen.data.source import Arrays, Field, Source
from tfgen.diagnosis.probes import Probe
from tfgen.errors import UserError
from tfgen.families.flow import probes, rules
from tfgen.families.flow.latent import edge_error
from tfgen.families.flow.mean import MeanFlow
from tfgen.families.flow.pairs import auction, nearest_pairs
from tfgen.networks.calling import random_states
from tfgen.networks.timing import time_features
from tfgen.networks.transformer import dense_flow, transformer
from tfgen.networks.unet import unet
from tfgen.training.step import Step

SHAPE = (8, 8, 1)
SMALL = {"network": "dense", "width": 4, "blocks": 1}
EVERY = [samplers.euler(3), samplers.heun(2), samplers.ddim(3), samplers.ancestral(3)]


def model(name="flow_matching", shape=SHAPE, **options):
    return tfgen.build_model(name, shape, 3, **{**SMALL, **options})


def shaken(flow):
    """The flow with other weights, of which the last layer gives something."""
    random, network = np.random.default_rng(0), flow.networks["flow"]
    network.set_weights([w + 0.3 * random.normal(size=w.shape) for w in network.get_weights()])
    return flow


def pictures(count, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


# Samplers, of a model whose velocity is known.


class Known:
    """A flow of numbers of which the velocity is known: that of data N(mean, deviation^2)."""

    flow_shape = (1,)

    def __init__(self, interpolant, deviation, mean=0.0):
        self.interpolant, self.deviation, self.mean = interpolant, deviation, mean
        self.calls = 0

    def condition_fields(self, conditions):
        return {}

    def flow_output(self, x, networks):
        return x

    def velocity(self, x, t, conditions, networks):
        m = self.interpolant.at(t, 2)
        # E[x_1 | x] and E[x_0 | x] of jointly normal numbers
        rest = (x - m.a * self.mean) / (m.a**2 * self.deviation**2 + m.s**2)
        return m.da * (self.mean + m.a * self.deviation**2 * rest) + m.ds * m.s * rest

    def drawn(self, sampler, count=600):
        draw = tf.function(lambda seeds: sampler.draw(self, seeds, {}), autograph=False)
        return draw(tf.range(count, dtype=tf.int64)).numpy()[:, 0]


@pytest.mark.parametrize("interpolant", [interpolants.straight(), interpolants.cosine()], ids=["straight", "cosine"])
@pytest.mark.parametrize("sampler", [samplers.euler(60), samplers.heun(20), samplers.ddim(60), samplers.ancestral(60)])
def test_a_sampler_reaches_the_distribution_of_the_data(sampler, interpolant):
    made = Known(interpolant, deviation=0.5, mean=3.0).drawn(sampler)
    assert abs(made.mean() - 3.0) < 0.08 and abs(made.std() - 0.5) < 0.06


@pytest.mark.parametrize("sampler", [samplers.euler, samplers.heun, samplers.ddim])
def test_a_temperature_widens_what_is_made_as_it_widens_the_noise(sampler):
    """The way to N(3, 0.5^2) leads x_0 to 3 + 0.5 x_0, and so noise of the deviation T to one of 0.5 T."""
    known = Known(interpolants.straight(), deviation=0.5, mean=3.0)
    plain, wide = known.drawn(sampler(60), 50), known.drawn(sampler(60, temperature=1.5), 50)
    np.testing.assert_allclose(wide - 3.0, 1.5 * (plain - 3.0), atol=2e-3)
    assert sampler().temperature == 1.0 and wide.std() > 1.4 * plain.std()
    for wrong in (0.0, -1.0, float("nan"), "hot"):
        with pytest.raises(UserError, match="temperature"):
            sampler(4, temperature=wrong)


@pytest.mark.parametrize("sampler", [samplers.ddim(4), samplers.ancestral(4)])
@pytest.mark.parametrize("interpolant", [interpolants.cosine(), interpolants.linear_betas()], ids=["cosine", "linear"])
def test_diffusion_ends_on_its_estimate_of_the_data(interpolant, sampler):
    np.testing.assert_allclose(Known(interpolant, deviation=0.0, mean=2.0).drawn(sampler, 8), 2.0, atol=1e-4)


def test_one_step_of_euler_heun_and_ddim_by_hand():
    """Data at 2 alone: v = (2 - x) / (1 - t)."""
    known = Known(interpolants.straight(), deviation=0.0, mean=2.0)
    start = samplers.normal_rows(tf.range(3, dtype=tf.int64), (1,), "start")
    way = samplers.Way(samplers.euler(4), known, tf.range(3, dtype=tf.int64), {}, None)
    velocity = (2 - start) / (1 - 0.25)
    np.testing.assert_allclose(samplers.euler(4).advanced(way, tf.constant(1), start), start + velocity / 4, rtol=1e-6)
    np.testing.assert_allclose(samplers.ddim(4).advanced(way, tf.constant(1), start), start + velocity / 4, rtol=1e-5)
    after = (2 - (start + velocity / 4)) / (1 - 0.5)
    expected = start + (velocity + after) / 8
    np.testing.assert_allclose(samplers.heun(4).advanced(way, tf.constant(1), start), expected, rtol=1e-6)


def test_one_step_of_heun_on_a_way_that_bends_by_hand():
    """Data N(2, 1) on a straight way: v = 2 + (2 t - 1) (x - 2 t) / (t^2 + (1 - t)^2)."""
    known = Known(interpolants.straight(), deviation=1.0, mean=2.0)
    way = samplers.Way(samplers.heun(4), known, tf.range(3, dtype=tf.int64), {}, None)
    velocity = lambda x, t: 2 + (2 * t - 1) * (x - 2 * t) / (t**2 + (1 - t) ** 2)  # noqa: E731
    x = np.array([[0.3], [-1.0], [2.0]])
    first = velocity(x, 0.25)
    expected = x + (first + velocity(x + first / 4, 0.5)) / 8
    made = samplers.heun(4).advanced(way, tf.constant(1), tf.constant(x, tf.float32))
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_one_ancestral_step_by_hand():
    """Ho et al. 2020, equations 6 and 7, of a_t^2 = 0.5 and 0.8: beta = 0.375, variance 0.2 / 0.5 beta = 0.15."""

    class Two(interpolants.Interpolant):
        def mixed(self, t):
            a = tf.sqrt(tf.where(t < 0.4, 0.5, 0.8))
            return a, tf.sqrt(1.0 - a**2), tf.ones_like(t), tf.zeros_like(t)

    known, seeds = Known(Two(), deviation=0.0, mean=2.0), tf.range(4, dtype=tf.int64)
    known.velocity = lambda x, t, c, n: 2.0 * tf.ones_like(x)  # of the mixture above, da x_1 + ds x_0 = x_1
    x = tf.constant([[0.3], [-1.0], [2.0], [0.0]])
    way = samplers.Way(samplers.ancestral(3), known, seeds, {}, None)
    # sqrt(0.8) beta / (1 - 0.5) x_1 + sqrt(1 - beta) (1 - 0.8) / (1 - 0.5) x
    mean = np.sqrt(0.8) * 0.375 / 0.5 * 2.0 + np.sqrt(0.625) * 0.2 / 0.5 * x.numpy()
    fresh = samplers.normal_rows(seeds, (1,), "ancestral", 1).numpy()
    made = samplers.ancestral(3).advanced(way, tf.constant(1), x).numpy()
    np.testing.assert_allclose(made, mean + np.sqrt(0.15) * fresh, rtol=1e-4)
    assert not np.allclose(fresh, samplers.normal_rows(seeds, (1,), "ancestral", 2))


def test_passes_count_what_the_network_runs():
    assert [sampler.passes for sampler in EVERY] == [3, 4, 3, 3]
    assert samplers.heun(5, guidance=2.0).passes == 20 and samplers.ddim(5, guidance=0.0).passes == 10


@pytest.mark.parametrize("sampler", [*EVERY, samplers.heun(2, guidance=2.0)])
def test_samples_follow_from_seed_and_number_under_every_sampler(sampler):
    flow = model(condition="label")
    flow.networks["flow"].set_weights([w + 0.05 for w in flow.networks["flow"].get_weights()])
    flow.averaged_networks["flow"].set_weights(flow.networks["flow"].get_weights())
    many = flow.sample(5, seed=3, sampler=sampler)
    np.testing.assert_array_equal(flow.sample(2, seed=3, sampler=sampler, start=2, label=[2, 0]), many[2:4])
    assert len({row.tobytes() for row in many}) == 5


# Training.


@pytest.mark.parametrize("predicts", ["velocity", "v", "noise", "data"])
def test_the_loss_of_a_network_that_gives_nothing_by_hand(predicts):
    """The last layer begins at 0, so that the loss is the mean square of what is learned."""
    flow = model(interpolant="cosine", predicts=predicts, times="uniform", ema=None)
    batch = flow.as_batch({"image": pictures(6)})
    step = flow.inference_step(flow.noise())
    data, noise = batch["image"].numpy(), step.noise.normal("noise", [6, *SHAPE]).numpy()
    angle = 0.5 * np.pi * (0.004 + 0.992 * step.noise.uniform("time", [6]).numpy()[:, None, None, None])
    a, s, speed = np.sin(angle), np.cos(angle), 0.5 * np.pi * 0.992
    target = {"velocity": speed * (s * data - a * noise), "v": a * noise - s * data, "noise": noise, "data": data}
    assert float(flow.flow_terms(batch, step)["flow_loss"]) == pytest.approx(np.mean(target[predicts] ** 2), rel=1e-5)


def test_the_weighted_loss_of_a_network_that_gives_something_by_hand():
    """Of v, the error of the data counts with min(a^2, 5 s^2): a^2 / s^2 at most 5, times s^2."""
    flow = shaken(model(interpolant="cosine", predicts="v", min_snr=5, times="logit_normal", ema=None))
    network = flow.networks["flow"]
    batch = flow.as_batch({"image": pictures(6)})
    step = flow.inference_step(flow.noise())
    data, noise = batch["image"].numpy(), step.noise.normal("noise", [6, *SHAPE]).numpy()
    time = 1 / (1 + np.exp(-step.noise.normal("time", [6]).numpy()))
    angle = 0.5 * np.pi * (0.004 + 0.992 * time[:, None, None, None])
    a, s = np.sin(angle), np.cos(angle)
    made = network({"image": a * data + s * noise, "time": time}).numpy()
    expected = np.mean(np.minimum(a**2, 5 * s**2) * (made - (a * noise - s * data)) ** 2)
    assert float(flow.flow_terms(batch, step)["flow_loss"]) == pytest.approx(expected, rel=1e-4)


def test_min_snr_weighs_by_time():
    mixture = interpolants.Mixture(*(tf.constant([v]) for v in (0.9**0.5, 0.1**0.5, 1.0, 1.0)))  # a ratio of 9
    weights = {p: model(interpolant="cosine", predicts=p, min_snr=5).weight(mixture) for p in ("v", "noise", "data")}
    np.testing.assert_allclose([float(w[0]) for w in weights.values()], [5 / 10, 5 / 9, 5], rtol=1e-5)
    low = interpolants.Mixture(*(tf.constant([v]) for v in (0.1**0.5, 0.9**0.5, 1.0, 1.0)))
    assert float(model(interpolant="cosine", predicts="noise", min_snr=5).weight(low)[0]) == pytest.approx(1.0)
    assert float(model().weight(low)[0]) == 1.0


def test_what_a_network_learns_must_say_both_ends():
    for options in ({"predicts": "noise"}, {"predicts": "data"}):
        with pytest.raises(UserError, match="straight is nothing but .*: take predicts=velocity"):
            model(**options)


def test_conditions_are_left_out_at_the_rate_asked_for_and_in_training_alone():
    flow = model(condition="label", condition_dropout=0.25)
    batch = {"image": tf.zeros([4000, *SHAPE]), "label": tf.ones([4000], tf.int64)}
    step = flow.probing_step(flow.noise())
    found, counts = np.unique(flow.dropped(batch, step)["label"], return_counts=True)
    assert found.tolist() == [1, 3] and abs(counts[1] / 4000 - 0.25) < 0.03
    assert np.unique(flow.dropped(batch, flow.inference_step(flow.noise()))["label"]).tolist() == [1]


def test_a_vector_is_left_out_as_zeros():
    fields = {"image": Field("image", SHAPE), "given": Field("vector", (2,))}
    flow = tfgen.build_model("flow_matching", fields=fields, condition="given", condition_dropout=0.5, **SMALL)
    batch = {"image": tf.zeros([64, *SHAPE]), "given": tf.ones([64, 2])}
    rows = flow.dropped(batch, flow.probing_step(flow.noise()))["given"].numpy()
    assert sorted({tuple(row) for row in rows}) == [(0.0, 0.0), (1.0, 1.0)]
    assert flow.null_conditions(3)["given"].shape == (3, 2)


def test_guidance_is_the_way_from_without_to_with():
    flow = model(condition="label")
    flow.networks["flow"].set_weights([w + 0.05 for w in flow.networks["flow"].get_weights()])
    flow.averaged_networks["flow"].set_weights(flow.networks["flow"].get_weights())
    x, t = tf.random.normal([2, *SHAPE]), tf.constant([0.25, 0.25])
    given = {"label": tf.constant([0, 2], tf.int64)}
    way = samplers.Way(samplers.euler(4, guidance=3.0), flow, tf.range(2), given, None)
    with_, without = flow.velocity(x, t, given), flow.velocity(x, t, None)
    assert not np.allclose(with_, without)
    np.testing.assert_allclose(way.velocity(tf.constant(1), x), without + 3 * (with_ - without), rtol=1e-5)
    null = flow.velocity(x, t, {"label": tf.constant([3, 3], tf.int64)})
    np.testing.assert_array_equal(without, null)


@pytest.mark.parametrize(
    "options, sentence",
    [({}, "has none: leave it out"), ({"condition": "label", "condition_dropout": 0}, "condition_dropout=0.1")],
)
def test_guidance_without_a_condition_is_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        model(**options).sample(1, sampler=samplers.heun(2, guidance=2.0))


def test_a_condition_must_be_there():
    with pytest.raises(UserError, match="needs the field 'caption'"):
        model(condition="caption")
    with pytest.raises(UserError, match="'condition_dropout' has no effect without a condition"):
        model(condition_dropout=0.3)


# Pairs.


def test_pairs_are_the_nearest_of_all():
    for seed in range(5):
        worth = np.random.default_rng(seed).normal(size=(5, 5)).astype(np.float32)
        found = auction(tf.constant(worth), 1e-4).numpy()
        best = max(itertools.permutations(range(5)), key=lambda order: worth[range(5), order].sum())
        assert tuple(found) == best
    assert auction(tf.constant([[2.0]]), 1e-3).numpy().tolist() == [0]
    assert sorted(auction(tf.zeros([4, 4]), 1e-3).numpy().tolist()) == [0, 1, 2, 3]  # all alike


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pairs_of_rows_that_are_not_finite_are_found_too(value):
    data, noise = np.random.default_rng(0).normal(size=(2, 16, 4)).astype(np.float32)
    data[3, 1] = value
    assert sorted(nearest_pairs(tf.constant(data), tf.constant(noise)).numpy()) == list(range(16))


def test_pairs_of_a_batch_keep_its_noise_and_lie_closer():
    flow, apart = model(pairs="optimal"), model()
    data = flow.as_batch({"image": pictures(16)})["image"]
    step = flow.inference_step(flow.noise())
    near, far = (one.drawn_noise(data, step).numpy().reshape(16, -1) for one in (flow, apart))
    assert sorted(map(tuple, near)) == sorted(map(tuple, far))
    rows = data.numpy().reshape(16, -1)
    assert ((rows - near) ** 2).sum() < ((rows - far) ** 2).sum() - 1.0


def test_each_replica_takes_its_rows_of_the_pairs_of_the_whole_batch():
    flow = model(pairs="optimal")
    data, noise = (tf.random.stateless_normal([6, 3], [seed, 0]) for seed in (1, 2))

    def drawn(replica, replicas):
        rows = slice(replica * 6 // replicas, (replica + 1) * 6 // replicas)
        whole = {data[rows].numpy().tobytes(): data, noise[rows].numpy().tobytes(): noise}
        stream = types.SimpleNamespace(normal=lambda name, shape: noise[rows], replica=replica)
        step = types.SimpleNamespace(noise=stream, gather=lambda part: whole[part.numpy().tobytes()])
        return flow.drawn_noise(data[rows], step).numpy()

    np.testing.assert_array_equal(np.concatenate([drawn(0, 2), drawn(1, 2)]), drawn(0, 1))


def test_pairs_that_need_the_whole_batch_say_so():
    with pytest.raises(UserError, match="pairs=optimal pairs all rows of a batch"):
        model(pairs="optimal").compile(accumulate=2)
    with pytest.raises(UserError, match="pairs=optimal would give every class noise of its own"):
        model(pairs="optimal", condition="label")


# Networks.


def test_times_are_told_apart():
    time = keras.Input((), name="time")
    features = keras.Model(time, time_features(time))(np.array([0.0, 0.5, 0.51, 1.0], np.float32)).numpy()
    np.testing.assert_allclose(features[0], np.repeat([0.0, 1.0], 32), atol=1e-6)
    gaps = np.square(features[1:] - features[:-1]).sum(axis=1)
    assert 0.5 < gaps[1] < gaps[0] and gaps[1] < gaps[2]


def fastest(network):
    """name of a time -> radians in [0, 1] of its fastest feature."""
    angles = [layer for layer in network.layers if layer.name.endswith("_angles")]
    return {layer.name.removesuffix("_angles"): float(layer.get_weights()[0].max()) for layer in angles}


@pytest.mark.parametrize("network", [pytest.param("unet", marks=pytest.mark.slow), "transformer", "dense"])
def test_how_fast_features_of_a_time_are_is_an_option_and_they_are_slow_where_time_is_differentiated(network):
    shape, half = (8, 8, 1), np.pi
    built = tfgen.build_model("mean_flow", shape, network=network, width=8)
    assert fastest(built.networks["flow"]) == pytest.approx({"time": 2 * half, "span": 2 * half})
    for options, waves in (({}, 64), ({"time_frequency": 5}, 5)):
        built = tfgen.build_model("flow_matching", shape, network=network, width=8, **options)
        assert fastest(built.networks["flow"]) == pytest.approx({"time": waves * half})


@pytest.mark.parametrize("shape", [(7, 9, 1), (8, 8, 3)])
@pytest.mark.parametrize("make", [unet, transformer, dense_flow])
def test_networks_of_any_shape_begin_at_nothing_and_name_their_inputs(make, shape):
    sizes = {transformer: {"heads": 2, "blocks": 1}, unet: {"depth": 1}}.get(make, {})
    network = make(shape, width=8, conditions={"label": Field("label", range=(0, 3))}, name="image", **sizes)
    assert {tensor.name for tensor in network.inputs} == {"image", "time", "label"}
    given = {"image": tf.ones([2, *shape]), "time": tf.constant([0.1, 0.9]), "label": tf.constant([0, 3], tf.int64)}
    assert network(given).shape == (2, *shape) and not np.any(network(given))


def test_a_transformers_sizes_must_fit():
    for options, sentence in (({"heads": 3}, "heads=3 and width=4"), ({"patch": 9}, "patch must fit into 8x8, got 9")):
        with pytest.raises(UserError, match=sentence):
            tfgen.build_model("flow_matching", SHAPE, network="transformer", width=4, **options)


def test_points_move_by_dense_layers():
    flow = tfgen.build_model("flow_matching", fields={"point": Field("point", (2,))}, width=8, blocks=1)
    flow.fit({"point": np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)}, batch_size=8, verbose=0)
    assert flow.sample(3).shape == (3, 2) and flow.sample(3).dtype == np.float32
    with pytest.raises(UserError, match="'network' has no effect on points"):
        tfgen.build_model("flow_matching", fields={"point": Field("point", (2,))}, network="transformer")


# Codes.

CODER = {"code_channels": 2, "code_width": 4, "condition": None}


def coder(**options):
    return tfgen.build_model("latent_flow", SHAPE, 3, **{**SMALL, **CODER, **options})


@pytest.mark.slow
def test_the_flow_of_codes_leaves_the_autoencoder_as_it_is():
    flow, images = coder(), pictures(16)
    flow.compile(stages=[(["autoencoder"], 2), (["flow"], None)])
    flow.fit(images, batch_size=8, verbose=0)
    coders = {name: flow.networks[name].get_weights() for name in ("encoder", "decoder")}
    flow.fit(images, batch_size=8, epochs=2, verbose=0)
    for name, before in coders.items():
        assert all(map(np.array_equal, flow.networks[name].get_weights(), before))
    assert int(flow.optimizers["autoencoder"].iterations) == 2 and int(flow.optimizers["flow"].iterations) == 4


@pytest.mark.plugins
def test_a_flow_of_codes_is_measured_from_its_own_stage_on():
    """Until then its network is as it was drawn, and its samples show no condition."""
    flow, images = coder(condition="label"), pictures(16)
    examples = Arrays({"image": images, "label": np.arange(16) % 3}, flow.fields)
    flow.compile(stages=[(["autoencoder"], 2), (["flow"], None)])
    watch, found = Probe(flow, examples, size=16), []
    for step in range(4):
        found.append({name.split("_")[0] for name in watch() if name.startswith(("explained", "condition"))})
        assert int(flow.step) == step
        flow.fit(examples, batch_size=16, verbose=0)
    assert found == [set(), set(), set(), {"explained", "condition"}]


def test_codes_are_standardised_and_decode_to_the_reconstruction():
    flow, images = coder(), pictures(32)
    flow.compile(stages=[(["autoencoder"], None)])
    codes = flow.codes(flow.as_batch({"image": images}), flow.probing_step(flow.noise())).numpy()
    np.testing.assert_allclose(codes.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(codes.std(axis=(0, 1, 2)), 1.0, atol=0.05)
    latent = flow.encode(images)["latent"]
    assert latent.shape == (32, flow.latent_dim) == (32, 8) and flow.flow_shape == (2, 2, 2)
    np.testing.assert_array_equal(flow.decode_latents(latent), flow.reconstruct(images))


def test_a_fitted_prior_takes_the_place_of_the_flow():
    flow, images = coder(), pictures(16)
    seeds, own = tf.range(3, dtype=tf.int64), flow.sampler
    flow.fitted_prior = prior = tfgen.latent.fit_prior(flow, images, "normal")
    z = samplers.latent(prior).latents(flow, seeds)
    made = flow.samples_from_seeds(seeds)
    np.testing.assert_array_equal(made, flow.as_stored(flow.decode_latents(z)))
    flow.fitted_prior = None
    assert flow.sampler == own


def test_codes_can_be_explored_though_no_sample_is_made_from_a_latent():
    flow, images = coder(), pictures(16)
    held_out = Arrays({"image": images}, {"image": Field("image", SHAPE)})
    space = tfgen.latent.Space(flow, Source("noise", held_out.fields(), {"train": held_out, "test": held_out}))
    order = np.random.default_rng(0).permutation(16)[:2]
    np.testing.assert_allclose(space.draw(2), flow.encode(images[order])["latent"], rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="has no latents to truncate: its sampler draws none"):
        tfgen.latent.truncation(space)


def test_the_terms_of_the_autoencoder_by_hand():
    flow = coder(code_noise=0.3, edge_weight=2.0)
    batch = flow.as_batch({"image": pictures(4)})
    step = flow.inference_step(flow.noise())
    codes = flow.codes(batch, step)
    noisy = codes + 0.3 * step.noise.normal("code", tf.shape(codes))
    errors = flow.networks["decoder"](noisy) - batch["image"]
    terms = flow.autoencoder_terms(batch, step)
    assert float(terms["pixel_error"]) == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert float(terms["edge_error"]) == pytest.approx(2.0 * float(edge_error(errors)), rel=1e-5)


def test_the_error_of_edges_by_hand():
    errors = np.zeros((1, 2, 3, 1), np.float32)
    errors[0, 0, 1] = 3.0  # 3 of 3 pairs down: 3, 0 and 0; of 4 across: twice 3
    assert float(edge_error(tf.constant(errors))) == pytest.approx(1.0 + 1.5)


# Mean flow.


@pytest.mark.parametrize(
    "network", ["dense", *(pytest.param(name, marks=pytest.mark.slow) for name in ("unet", "transformer"))]
)
def test_the_slope_along_the_way_is_the_quotient_of_differences(network):
    flow = shaken(tfgen.build_model("mean_flow", SHAPE, ema=None, width=4, blocks=1, network=network))
    x, v = tf.random.normal([2, *SHAPE]), tf.random.normal([2, *SHAPE])
    time, span = tf.constant([0.2, 0.5]), tf.constant([0.5, 0.0])
    fields = {"image": x, "time": time, "span": span}
    slope = flow.slope(fields, v, flow.inference_step(flow.noise()))

    def at(h):  # small: the fastest sine of the time turns by 200
        return flow.mean_velocity(x + h * v, time + h, time + span, {})

    np.testing.assert_allclose(slope, (at(1e-3) - at(-1e-3)) / 2e-3, rtol=0.05, atol=0.05)
    np.testing.assert_array_equal(flow.velocity(x, time, {}), flow.mean_velocity(x, time, time, {}))
    logs = flow.train_step({"image": pictures(4)})  # every weight has a gradient
    assert np.isfinite(float(logs["flow_loss"]))


@pytest.mark.parametrize("option", [{"predicts": "noise"}, {"min_snr": 5.0}])
def test_a_mean_flow_has_no_other_target(option):
    with pytest.raises(UserError, match=f"mean velocity, and has no {next(iter(option))}: leave it out"):
        MeanFlow(model("mean_flow").networks["flow"], fields={"image": tfgen.Field("image", SHAPE)}, **option)


def test_the_loss_of_a_mean_flow_that_gives_nothing_by_hand():
    """u = 0 and du/dt = 0: the error is |x_1 - x_0|^2, divided by itself and 0.001."""
    flow = model("mean_flow", times="uniform", ema=None, robustness=0.5)
    batch = flow.as_batch({"image": pictures(6)})
    step = flow.inference_step(flow.noise())
    errors = np.square(batch["image"].numpy() - step.noise.normal("noise", [6, *SHAPE]).numpy()).mean(axis=(1, 2, 3))
    assert float(flow.flow_terms(batch, step)["flow_loss"]) == pytest.approx(np.mean(errors / np.sqrt(errors + 1e-3)))
    assert float(step.logs["squared_error"]) == pytest.approx(errors.mean())


def test_the_loss_of_a_mean_flow_by_hand():
    """|u - (v + span du/dt)|^2, and its weight, through which no gradient flows."""
    flow = shaken(model("mean_flow", times="uniform", ema=None, robustness=0.5, spans=1.0))
    network, batch = flow.networks["flow"], flow.as_batch({"image": pictures(6)})
    step = flow.inference_step(flow.noise())
    data, noise = batch["image"], step.noise.normal("noise", [6, *SHAPE])
    time, span = flow.drawn_spans(tf.constant(6), step)
    t, long = time[:, None, None, None], span[:, None, None, None]
    fields = {"image": t * data + (1 - t) * noise, "time": time, "span": span}
    slope = flow.slope(fields, data - noise, step)
    assert float(tf.reduce_max(tf.abs(long * slope))) > 0.1
    with tf.GradientTape(persistent=True) as tape:
        errors = tf.reduce_mean(tf.square(network(fields) - (data - noise + long * slope)), axis=[1, 2, 3])
        expected = tf.reduce_mean(tf.stop_gradient((errors + 1e-3) ** -0.5) * errors)
        found = flow.flow_terms(batch, step)["flow_loss"]
    assert float(found) == pytest.approx(float(expected), rel=1e-4)
    last = network.trainable_variables[-1].value
    np.testing.assert_allclose(tape.gradient(found, last), tape.gradient(expected, last), rtol=1e-3, atol=1e-6)


def test_spans_have_the_share_asked_for_and_stay_on_the_way():
    flow = model("mean_flow", spans=0.4)
    time, span = (value.numpy() for value in flow.drawn_spans(tf.constant(4000), flow.inference_step(flow.noise())))
    assert abs((span > 0).mean() - 0.4) < 0.03 and span.min() == 0.0 and (time + span).max() <= 1.0


def test_a_jump_takes_the_mean_velocity_in_one_pass():
    known = Known(interpolants.straight(), deviation=0.0, mean=2.0)
    known.mean_velocity = lambda x, t, until, conditions, networks: 3.0 * (until - t)[:, None] + 0.0 * x
    start = samplers.normal_rows(tf.range(4, dtype=tf.int64), (1,), "start").numpy()[:, 0]
    np.testing.assert_allclose(known.drawn(samplers.jump(), 4), start + 3.0, rtol=1e-6)
    np.testing.assert_allclose(known.drawn(samplers.jump(2), 4), start + 1.5, rtol=1e-6)
    assert samplers.jump().passes == 1
    with pytest.raises(UserError, match="has no mean velocity for a sampler to jump by; take the sampler heun"):
        model().sample(1, sampler=samplers.jump())
    with pytest.raises(UserError, match="'predicts' has no effect of a mean flow, which learns the velocity"):
        model("mean_flow", predicts="v")


# Probes and rules.


def test_what_a_network_that_gives_nothing_explains_by_hand():
    flow = model(interpolant="cosine", predicts="v", ema=None)
    batch = flow.as_batch({"image": pictures(8)})
    step = flow.inference_step(flow.noise())
    data, noise = batch["image"].numpy(), step.noise.normal("noise", [8, *SHAPE]).numpy()
    angle = 0.5 * np.pi * (0.004 + 0.992 * 0.2)
    target = np.sin(angle) * noise - np.cos(angle) * data
    error, variance = probes.error_at(flow, batch, step, 0.2)
    assert float(error) == pytest.approx(np.mean(target**2), rel=1e-5)
    assert float(variance) == pytest.approx(target.var(axis=0).mean(), rel=1e-5)


def test_parts_of_the_way_are_named_by_their_times(monkeypatch):
    monkeypatch.setattr(probes, "error_at", lambda model, batch, step, time: (tf.constant(time), 2.0))
    found = probes.errors(types.SimpleNamespace(model=model(), batch={}, unseen=None, begun={"flow"}))
    expected = {"train_error": 0.5, "explained_early": 0.9, "explained_middle": 0.75, "explained_late": 0.6}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected)


def test_rules_by_hand():
    fine = {"explained_early": 0.3, "explained_middle": 0.6, "explained_late": 0.7, "held_out_error": 0.2}
    fine["train_error"] = 0.19
    bad = {**fine, "explained_early": 0.01, "explained_middle": 0.04, "explained_late": -0.1}
    assert not rules.learns_nothing(fine, None) and rules.learns_nothing(bad, None)
    assert "explains 4% of the variance" in rules.say_learns_nothing(bad, None)

    class Past:
        def best(self, name):
            return {"held_out_error": 0.2, "step": 100}

    risen = {**fine, "held_out_error": 0.22, "train_error": 0.15}
    assert not rules.overfits(fine, Past()) and rules.overfits(risen, Past())
    assert not rules.overfits({**risen, "train_error": 0.21}, Past())
    assert "risen to 0.22, from 0.2 at step 100" in rules.say_overfits(risen, Past())


def test_the_slope_of_a_mean_flow_is_that_of_the_same_dropout(monkeypatch):
    flow = shaken(model("mean_flow", network="unet", depth=1, attention=0, dropout=0.5, ema=None))
    seen = []

    def recorded(self, name, fields):
        seen.append(run(self, name, fields))
        return seen[-1]

    run = Step.run
    monkeypatch.setattr(Step, "run", recorded)
    for _ in range(2):
        flow.train_step({"image": pictures(4)}, averaged=False)
    first, second, third, fourth = (output.numpy() for output in seen)
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(third, fourth, rtol=1e-4, atol=1e-4)
    drawn = [state.numpy() for state in random_states(flow.networks["flow"])]
    assert drawn and all((state != 0).any() for state in drawn), "the next step has another dropout"
