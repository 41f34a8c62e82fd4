"""Averages of weights with a power-law profile: by hand, resumed, of a later stage, as an option."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import averaging
from tfgen.errors import UserError
from tfgen.training.checkpoints import Checkpoints, restore_latest

SHAPE = (8, 8, 1)


def vae(**options):
    model = tfgen.build_model("vae", SHAPE, network="dense", units=[4], latent_dim=2, **options)
    model.run_eagerly = True
    return model


def trained(model, photos, count):
    """The weights of the decoder after each of `count` steps."""
    found = []
    for _ in range(count):
        model.train_step({"image": tf.constant(photos(4, SHAPE))})
        found.append(model.networks["decoder"].get_weights())
    return found


@pytest.mark.parametrize("sigma_rel, gamma", [(0.05, 16.97), (0.10, 6.94)])
def test_exponents_of_the_paper(sigma_rel, gamma):
    """Karras et al. 2024, section 3.1, gives both."""
    found = averaging.power(sigma_rel).gamma
    assert found == pytest.approx(gamma, abs=0.01)
    assert ((found + 1) / ((found + 2) ** 2 * (found + 3))) ** 0.5 == pytest.approx(sigma_rel)


def test_an_average_by_hand(photos):
    model = vae(ema=averaging.power(0.2))
    gamma = model.ema.gamma
    expected = None
    for t, weights in enumerate(trained(model, photos, 4), start=1):
        beta = (1 - 1 / t) ** (gamma + 1)  # 0 at first: nothing is left of the initial weights
        expected = [beta * a + (1 - beta) * w for a, w in zip(expected or weights, weights, strict=True)]
    for found, value in zip(model.averaged_networks["decoder"].get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


def test_a_constant_decay_warms_up_when_its_network_begins_to_train():
    model = tfgen.build_model("vq_vae", SHAPE, ema=0.999, width=4, codes=5, prior_width=4, prior_blocks=0)
    model.stages = ((("autoencoder",), 1000), (("prior",), None))
    rates = {}
    for step in (0, 1000, 1001, 100_000):
        model.step.assign(step)
        rates[step] = float(model.averaging_rate("prior"))
    assert rates[1000] == pytest.approx(0.9) and rates[1001] == pytest.approx(1 - 2 / 11)
    assert rates[100_000] == pytest.approx(0.001, rel=1e-3) and model.first_step_of("encoder") == 0


def test_the_profile_has_its_width_at_any_length():
    for sigma_rel, count in ((0.1, 300), (0.25, 1000)):
        rates = averaging.power(sigma_rel).rate(tf.range(1, count + 1)).numpy().astype(np.float64)
        shares = rates * np.append(np.cumprod((1 - rates)[::-1])[::-1][1:], 1.0)  # of each of the weights
        times = (np.arange(count) + 0.5) / count
        mean = np.sum(shares * times)
        assert shares.sum() == pytest.approx(1.0)
        assert np.sqrt(np.sum(shares * (times - mean) ** 2)) == pytest.approx(sigma_rel, rel=0.02)


def test_late_updates_are_not_rounded_away():
    power = averaging.power(0.1)
    rate = float(power.rate(tf.constant(10_000_000, tf.int64)))
    assert rate == pytest.approx((power.gamma + 1) / 1e7, rel=1e-5) and rate > 0


def test_a_resumed_average_ends_on_the_same_bits(tmp_path):
    whole, part = vae(ema=averaging.power(0.1)), vae(ema=averaging.power(0.1))
    batches = np.random.default_rng(0).integers(0, 256, (5, 4, *SHAPE), dtype=np.uint8)
    for batch in batches:
        whole.train_step({"image": tf.constant(batch)})
    for batch in batches[:3]:
        part.train_step({"image": tf.constant(batch)})
    Checkpoints(part, tmp_path).save()
    part.save(tmp_path / "part.keras")
    fresh = vae(ema=averaging.power(0.1))
    assert restore_latest(fresh, tmp_path) == 3
    loaded = keras.saving.load_model(tmp_path / "part.keras")
    for resumed in (fresh, loaded):
        resumed.run_eagerly = True
        for batch in batches[3:]:
            resumed.train_step({"image": tf.constant(batch)})
        assert resumed.digest() == whole.digest()


@pytest.mark.slow
def test_a_network_of_a_later_stage_counts_its_own_updates():
    small = {"network": "dense", "width": 4, "blocks": 1, "code_channels": 2, "code_width": 4, "condition": None}
    flow = tfgen.build_model("latent_flow", SHAPE, 3, ema="power(0.1)", **small)
    flow.compile(stages=[(["autoencoder"], 2), (["flow"], None)])
    images = np.random.default_rng(0).integers(0, 256, (12, *SHAPE), dtype=np.uint8)
    flow.fit(images, batch_size=4, epochs=1, verbose=0)  # 2 and 1 steps
    assert int(flow.step) == 3 and int(flow.states["flow_averaged"]) == 1
    for average, weight in zip(flow.averaged_networks["flow"].weights, flow.networks["flow"].weights, strict=True):
        np.testing.assert_allclose(average, weight, rtol=1e-6)


@pytest.mark.parametrize(
    "name, options",
    [
        ("vae", {"network": "dense", "units": [4]}),
        ("cyclegan", {"width": 4}),
        ("pix2pix", {"width": 4}),
        ("made", {"units": [4]}),
        ("realnvp", {"couplings": 2}),
        ("gan", {"units": [4], "maxout_units": 4}),
    ],
)
def test_every_family_takes_it(name, options):
    fields = {name: tfgen.Field("image", (16, 16, 1)) for name in ("image", "other", "source")}
    model = tfgen.build_model(name, fields=fields, ema="power(sigma_rel=0.15)", **options)
    assert model.ema == averaging.power(0.15) and model.averaged_networks
    assert all(f"{network}_averaged" in model.states for network in model.averaged_networks)


@pytest.mark.parametrize(
    "value, sentence",
    [
        ("power(0.5)", r"sigma_rel must lie in \[1e-06, 0.288675\], got 0.5"),
        ("power(0)", "sigma_rel must lie in"),
        ("power(1e-200)", "sigma_rel must lie in"),
        ("powr(0.1)", "expects a number in .* or an Average .* did you mean 'power'"),
        ("1.0", r"ema must lie in \[0, 1\)"),
    ],
)
def test_mistakes_are_one_sentence(value, sentence):
    with pytest.raises(UserError, match=sentence):
        vae(ema=value)
