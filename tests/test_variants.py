"""Models that are another one with other formulas; packing, and BEGAN's equilibrium."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from factories import gan, generator
from keras import layers

import tfgen
from tfgen import interpolants, losses, models, objectives, penalties, samplers
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.adversarial.balanced import BalancedModel
from tfgen.families.adversarial.equilibrium import StopAtEquilibrium, fresh_accuracy
from tfgen.families.adversarial.packing import PackedModel
from tfgen.noise import Noise
from tfgen.recipes.options import option_parameters
from tfgen.recipes.recipe import load_recipe

SHAPE = (8, 8, 1)
VARIANTS = [name for name in tfgen.model_names() if getattr(models.MODELS.get(name), "variant_of", None)]
IMAGES = np.random.default_rng(0).integers(0, 256, (8, *SHAPE), dtype=np.uint8)

# what makes each of them: attributes of the model
FORMULAS = {
    "lsgan": {"loss_functions": losses.least_squares},
    "wgan": {"loss_functions": losses.wasserstein, "weight_clip": 0.01, "discriminator_steps": 5},
    "wgan_gp": {
        "loss_functions": losses.wasserstein,
        "penalty": penalties.gradient_penalty(10.0),
        "discriminator_steps": 5,
    },
    "dragan": {"loss_functions": losses.non_saturating, "penalty": penalties.dragan(10.0)},
    "ragan": {"loss_functions": losses.relativistic_average},
    "beta_vae": {"objective": objectives.elbo(4.0)},
    "beta_tc_vae": {"objective": objectives.beta_tc(6.0)},
    "info_vae": {"objective": objectives.info_vae(0.0, 1000.0)},
    "iwae": {"objective": objectives.iwae(), "samples": 5},
    "miwae": {"objective": objectives.miwae(8), "samples": 16},
    "ddpm": {
        "interpolant": interpolants.cosine(),
        "predicts": "v",
        "min_snr": 5.0,
        "sampler": samplers.ddim(20),
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_the_other_model_with_formulas_of_its_own(name):
    builder = models.MODELS.get(name)
    base = models.MODELS.get(builder.variant_of)
    assert option_parameters(builder).keys() == option_parameters(base).keys() - {"kind"}
    fields = {"image": Field("image", SHAPE)}
    recipe = load_recipe(name)
    sizes = {
        option: size for option, size in {"width": 2, "latent_dim": 3}.items() if option in option_parameters(base)
    }
    bare = recipe.without_options(list(recipe.options)).replace(options=sizes)
    model = models.build_from_recipe(bare, fields)
    for attribute, value in FORMULAS[name].items():
        assert getattr(model, attribute) == value
    logs = model.train_step({"image": tf.constant(IMAGES[:2].repeat(model.parts, axis=0))})
    assert all(np.isfinite(float(value)) for value in logs.values())
    same = type(model).from_config(model.get_config())
    same.compile()
    assert all(getattr(same, attribute) == value for attribute, value in FORMULAS[name].items())


def test_all_variants_are_in_the_table_above():
    assert set(VARIANTS) == set(FORMULAS)


# Packing.


def packed_discriminator():
    image = keras.Input((*SHAPE[:2], 3), name="image")
    return keras.Model(image, layers.Dense(1, use_bias=False)(layers.Flatten()(image)))


def small_generator():
    latent = keras.Input((3,), name="latent")
    return keras.Model(latent, layers.Reshape(SHAPE)(layers.Dense(64, activation="tanh")(latent)))


def packed():
    model = PackedModel(small_generator(), packed_discriminator(), packing=3, latent_dim=3, name="packed")
    model.compile()
    return model


def test_examples_are_joined_along_their_last_axis_in_their_order():
    model = packed()
    rows = tf.reshape(tf.range(2 * 2 * 1 * 2, dtype=tf.float32), [4, 1, 1, 2])  # row i is (2 i, 2 i + 1)
    made = model.packed(rows).numpy()[:, 0, 0]
    np.testing.assert_array_equal(made, [[0, 1, 2, 3, 4, 5], [6, 7, 0, 1, 2, 3]])  # filled up with the first ones
    points = PackedModel.packed(model, tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).numpy()
    np.testing.assert_array_equal(points, [[1, 2, 3, 4, 5, 6]])


def test_each_example_has_the_logit_of_its_pack():
    model = packed()
    logits = model.discriminate_images(IMAGES[:5]).numpy()
    assert logits.shape == (5, 1) and len(set(logits[:3, 0])) == 1 and logits[3] == logits[4] != logits[0]
    kernel = model.discriminator.get_weights()[0].reshape(8, 8, 3)
    seen = np.moveaxis(IMAGES[:3, :, :, 0] / 127.5 - 1.0, 0, -1)
    assert logits[0, 0] == pytest.approx(np.sum(kernel * seen), rel=1e-3)


@pytest.mark.parametrize(
    "penalty, of_norm",
    [
        (penalties.r1(2.0), lambda norm: norm**2),
        (penalties.r2(2.0, every=4), lambda norm: 4 * norm**2),
        (penalties.gradient_penalty(3.0), lambda norm: 3.0 * (norm - 1.0) ** 2),
        (penalties.consistency(2.0, 2.0, fraction=0.0), lambda norm: 0.0),
    ],
)
def test_a_penalty_is_on_packs_not_on_their_examples(penalty, of_norm):
    model = PackedModel(small_generator(), packed_discriminator(), packing=3, latent_dim=3, penalty=penalty)
    norm = float(np.linalg.norm(model.discriminator.get_weights()[0]))
    step = model.inference_step(Noise(0, 0))
    terms = model.discriminator_terms if penalty.every == 1 else model.lazy_penalty_terms
    batch = {"image": tf.cast(IMAGES[:5], tf.float32) / 127.5 - 1.0}  # two packs, the second filled up
    assert float(terms(batch, step)["gradient_penalty"]) == pytest.approx(of_norm(norm), rel=1e-4, abs=1e-6)


def test_replicas_hold_whole_packs():
    """Else each fills up one of its own, and the training depends on their number."""
    model = PackedModel(small_generator(), packed_discriminator(), packing=3, latent_dim=3)
    batch = {"image": tf.cast(IMAGES[:4], tf.float32) / 127.5 - 1.0}
    with pytest.raises(UserError, match="which have 4 examples each: give a batch_size that is a multiple of 6"):
        model.discriminator_terms(batch, model.probing_step(Noise(0, 0, "test/", 0, 2)))
    model.discriminator_terms(batch, model.probing_step(Noise(0, 0, "test/")))


def test_fresh_discriminators_of_packs_see_packs():
    model = packed()
    examples = model.as_examples(IMAGES)
    assert 0.0 <= fresh_accuracy(model, examples, examples, steps=1, batch_size=4) <= 1.0


def test_errors_are_no_log_odds_that_a_fresh_discriminator_could_learn():
    model = tfgen.build_model("began", SHAPE, width=4)
    assert model.stops() == {} and model.trials() == []
    with pytest.raises(UserError, match="stop=equilibrium needs a discriminator of images alone that learns log-odds"):
        StopAtEquilibrium().check(model)


def test_a_packed_model_trains_and_is_not_accumulated():
    model = packed()
    model.fit(IMAGES, batch_size=6, epochs=1, verbose=0)
    assert model.sample(2).shape == (2, *SHAPE)
    with pytest.raises(UserError, match="packing joins examples of the whole batch, which accumulate=2 is to avoid"):
        model.compile(accumulate=2)


@pytest.mark.parametrize("network", ["conv", "dense"])
def test_pacgan_of_images_and_of_points(network):
    options = {"width": 2} if network == "conv" else {"units": [4], "maxout_units": [3]}
    model = models.MODELS.get("pacgan")
    recipe = tfgen.Recipe(model="pacgan", options={"latent_dim": 3, "network": network, "packing": 4, **options})
    model = models.build_from_recipe(recipe, {"image": Field("image", SHAPE)})
    assert model.discriminator.input_shape == (None, 8, 8, 4)
    points = tfgen.Recipe(model="pacgan", options={"latent_dim": 3, "packing": 4, "units": [4], "maxout_units": [3]})
    model = models.build_from_recipe(points, {"point": Field("point", (2,))})
    assert model.discriminator.input_shape == (None, 8) and model.generator.output_shape == (None, 2)


# BEGAN.


def constant_error():
    """D's logit is -mean |x|, the error of an autoencoder that gives 0; one weight, so that it can be trained."""
    image = keras.Input((6, 5, 1), name="image")
    x = layers.Flatten()(image)
    return keras.Model(image, layers.Dense(1, use_bias=False, kernel_initializer="ones")(x))


def test_the_balance_follows_the_errors():
    model = gan(nets=(generator, constant_error))
    made = BalancedModel(model.generator, model.discriminator, latent_dim=3, gamma=0.5, gain=0.1, name="balanced")
    made.compile()
    k = made.states["balance"]
    k.assign(0.25)
    real, fake = tf.constant([[-1.0], [-3.0]]), tf.constant([[-0.5], [-0.5]])
    now = made.probing_step(made.noise())
    now.advance = True
    # L_D = L(x) - k L(G(z)) = 2 - 0.25 * 0.5
    loss = made.loss_functions.discriminator_loss(*made.logits_of_loss(real, fake, now))
    assert float(loss) == pytest.approx(2.0 - 0.125)
    assert float(made.generator_loss(fake, None, now)) == pytest.approx(0.5)
    from tfgen.families.adversarial.model import Judged

    made.more_terms("discriminator", {}, Judged({}, {"logit": real}), Judged({}, {"logit": fake}), now)
    assert float(k.value) == pytest.approx(0.25 + 0.1 * (0.5 * 2.0 - 0.5))
    assert float(now.logs["convergence"]) == pytest.approx(2.0 + 0.5)


def test_began_has_no_other_loss():
    with pytest.raises(UserError, match="loss=wasserstein: leave loss out"):
        tfgen.build_model("began", SHAPE, width=2, latent_dim=3, loss="hinge")
