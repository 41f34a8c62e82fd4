"""GANs with encoders and autoencoders with discriminators: terms by hand, codes, reconstructions and their scores."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfgen
from tfgen import likelihoods
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.adversarial.bidirectional import BidirectionalModel
from tfgen.families.variational.adversarial import AdversarialAutoencoder, VariationalGAN
from tfgen.noise import Noise

SHAPE, LATENT = (8, 8, 1), 2
FIELDS = {"image": Field("image", SHAPE)}
SMALL = {"latent_dim": LATENT, "width": 2}
NAMES = ["bigan", "aae", "vae_gan"]


def built(name, **options):
    return tfgen.build_model(name, fields=FIELDS, **{**SMALL, **options})


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return built(request.param)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)


def test_it_encodes_reconstructs_and_samples(model, images):
    codes = model.encode(images)
    assert all(value.shape == (5, LATENT) for value in codes.values())
    copies = model.reconstruct(images)
    np.testing.assert_allclose(copies, model.decode_latents(next(iter(codes.values()))), atol=1e-6)
    assert {"encode", "reconstruct", "sample", "generate", "interpolate"} <= set(model.endpoints())
    assert model.sample(3, seed=1).shape == (3, *SHAPE)
    np.testing.assert_allclose(model.predict(images), copies, atol=1e-6)


def test_each_phase_trains_what_it_names_and_nothing_else(model, images):
    digests = lambda: {name: [w.numpy() for w in net.weights] for name, net in model.networks.items()}  # noqa: E731
    for phase in model.phases:
        before = digests()
        model.train_step({"image": tf.constant(images)}, phases=[phase])
        moved = {n for n, ws in digests().items() if any((a != b).any() for a, b in zip(ws, before[n], strict=True))}
        assert moved == set(phase.trains), phase.name


# BiGAN, with networks whose answers can be computed: G(z) = z1, E(x) = (x, 0), D(x, z) = x + 2 z1 + 3 z2.


def flat(value):
    return layers.Dense(1, use_bias=False, kernel_initializer=lambda shape, dtype=None: tf.constant(value, tf.float32))


def linear_bigan(**options):
    latent, image, code = keras.Input((2,), name="latent"), keras.Input((1, 1, 1), name="image"), keras.Input((2,))
    generator = keras.Model(latent, layers.Reshape((1, 1, 1))(flat([[1.0], [0.0]])(latent)), name="generator")
    pixel = layers.Flatten()(image)
    encoder = keras.Model(image, layers.Concatenate()([pixel, layers.Rescaling(0.0)(pixel)]), name="encoder")
    image, code = keras.Input((1, 1, 1), name="image"), keras.Input((2,), name="latent")
    logit = flat([[1.0], [2.0], [3.0]])(layers.Concatenate()([layers.Flatten()(image), code]))
    discriminator = keras.Model({"image": image, "latent": code}, logit, name="discriminator")
    fields = {"image": Field("image", (1, 1, 1))}
    return BidirectionalModel(generator, discriminator, encoder, latent_dim=2, fields=fields, ema=None, **options)


def test_terms_of_bigan_by_hand(monkeypatch):
    model = linear_bigan()
    monkeypatch.setattr(BidirectionalModel, "draw_latents", lambda self, batch, step: tf.constant([[0.5, 1.0]]))
    batch, step = {"image": tf.fill([1, 1, 1, 1], 0.2)}, model.inference_step(Noise(0, 0))
    softplus = lambda value: math.log1p(math.exp(value))  # noqa: E731
    real, fake = 0.2 + 2 * 0.2, 0.5 + 2 * 0.5 + 3 * 1.0
    found = {name: float(value) for name, value in model.discriminator_terms(batch, step).items()}
    assert found == pytest.approx({"discriminator_loss": softplus(-real) + softplus(fake)}, rel=1e-5)
    found = {name: float(value) for name, value in model.generator_terms(batch, step).items()}
    assert found == pytest.approx({"generator_loss": softplus(-fake), "encoder_loss": softplus(real)}, rel=1e-5)
    relativistic = linear_bigan(loss=tfgen.losses.relativistic)
    assert set(relativistic.generator_terms(batch, step)) == {"generator_loss"}


@pytest.mark.parametrize("loss, expected", [("least_squares", 0.5 * 0.6**2), ("hinge", 0.6), ("wasserstein", 0.6)])
def test_the_encoder_minimises_the_loss_with_real_and_fake_exchanged(monkeypatch, loss, expected):
    model = linear_bigan(loss=getattr(tfgen.losses, loss))
    batch, step = {"image": tf.fill([1, 1, 1, 1], 0.2)}, model.inference_step(Noise(0, 0))
    # D(x, E(x)) = 0.2 + 2 0.2, which least squares bring to 0, what D gives on samples
    assert float(model.generator_terms(batch, step)["encoder_loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "penalty, expected",
    [
        # dD / dx = 1 beside a latent that stays; by way of E it would be 3
        (tfgen.penalties.r1(2.0), 1.0),
        (tfgen.penalties.r2(2.0), 1.0),
        (tfgen.penalties.gradient_penalty(5.0), 0.0),
        (tfgen.penalties.dragan(5.0), 0.0),
        (tfgen.penalties.consistency(1.0, 1.0, fraction=0.0), 0.0),  # the same pair twice: nothing is shifted
    ],
)
@pytest.mark.parametrize("every", [1, 4])
def test_penalties_of_bigan_are_on_its_pairs(penalty, expected, every):
    model = linear_bigan(penalty=penalty.replace(every=every))
    batch, step = {"image": tf.fill([3, 1, 1, 1], 0.2)}, model.inference_step(Noise(0, 0))
    terms = model.discriminator_terms if every == 1 else model.lazy_penalty_terms
    assert float(terms(batch, step)["gradient_penalty"]) == pytest.approx(every * expected, abs=1e-5)


def test_discriminate_asks_for_an_image_alone_and_pairs_it_with_its_code():
    model = linear_bigan()
    x = np.array([0.0, 1.0], np.float32).reshape(2, 1, 1, 1)  # -1 and 1 for the networks
    np.testing.assert_allclose(model.discriminate_images(x), [[-3.0], [3.0]], atol=1e-6)
    assert [spec.name for spec in model.endpoints()["discriminate"].inputs] == ["image"]


def test_with_a_shared_pass_pairs_stay_pairs(images):
    model = built("bigan", shared_pass=True, penalty=None)  # a lazy penalty has a phase of its own
    pairs = []

    class Watched(BidirectionalModel):
        def fake_fields(self, batch, step):
            made = super().fake_fields(batch, step)
            pairs.append({name: made[name].numpy() for name in ("image", "latent")})
            return made

    model.__class__ = Watched
    model.train_step({"image": tf.constant(images)})
    assert len(pairs) == 2
    for name in ("image", "latent"):
        np.testing.assert_array_equal(pairs[0][name], pairs[1][name])


def test_probes_of_bigan_judge_pairs(monkeypatch):
    from tfgen.data.source import Arrays
    from tfgen.diagnosis.probes import Probe

    model = linear_bigan()
    model.compile()
    pictures = np.full((8, 1, 1, 1), 255, np.uint8)
    measured = Probe(model, Arrays({"image": pictures}, model.fields))()
    monkeypatch.setattr(BidirectionalModel, "beside_fakes", lambda self, batch, step: {"latent": tf.fill([8, 2], 9.0)})
    other = Probe(model, Arrays({"image": pictures}, model.fields))()
    assert (
        other["fake_score"] > 0.99 and measured["fake_score"] < 0.99 and other["real_score"] == measured["real_score"]
    )


@pytest.mark.parametrize("options", [{"objective": tfgen.objectives.elbo(50.0)}, {"samples": 4}])
def test_a_vae_gan_takes_no_objective_that_it_does_not_have(options):
    networks = built("vae_gan").networks
    with pytest.raises(UserError, match="a VAE/GAN has losses of its own"):
        VariationalGAN(*(networks[name] for name in ("encoder", "decoder", "discriminator")), **options)


# AAE.


def test_terms_of_aae_by_hand():
    image, latent = keras.Input((1, 1, 1), name="image"), keras.Input((1,), name="latent")
    encoder = keras.Model(image, {"latent": layers.Flatten()(image)}, name="encoder")
    raw = layers.Reshape((1, 1, 1))(latent)
    decoder = keras.Model(latent, likelihoods.bernoulli().heads(lambda name: raw), name="decoder")
    code = keras.Input((1,), name="latent")
    discriminator = keras.Model(code, flat([[2.0]])(code), name="discriminator")
    model = AdversarialAutoencoder(encoder, decoder, discriminator)
    batch, step = {"image": tf.fill([1, 1, 1, 1], 0.25)}, model.inference_step(Noise(0, 0))
    found = model.encoder_terms(batch, step)
    assert float(found["encoder_loss"]) == pytest.approx(math.log1p(math.exp(-0.5)), rel=1e-5)
    z = float(step.noise.normal("latent", [1, 1])[0, 0])
    expected = math.log1p(math.exp(-2 * z)) + math.log1p(math.exp(0.5))
    assert float(model.discriminator_terms(batch, step)["discriminator_loss"]) == pytest.approx(expected, rel=1e-5)
    # -x log p - (1 - x) log(1 - p), p = sigmoid(x)
    p = 1 / (1 + math.exp(-0.25))
    expected = -0.25 * math.log(p) - 0.75 * math.log(1 - p)
    assert float(model.reconstruction_terms(batch, step)["reconstruction"]) == pytest.approx(expected, rel=1e-5)


# VAE/GAN.


def test_content_loss_and_weights_of_vae_gan(monkeypatch):
    model = built("vae_gan", content_weight=3.0, prior_weight=0.5)
    assert isinstance(model, VariationalGAN)
    one, other = (
        {"features": tf.constant([[1.0, 2.0], [0.0, 0.0]])},
        {"features": tf.constant([[0.0, 0.0], [0.0, 2.0]])},
    )
    assert float(model.content_loss(one, other)) == pytest.approx(0.5 * (5.0 + 4.0) / 2)
    batch, step = {"image": tf.fill([2, *SHAPE], 0.25)}, model.inference_step(Noise(0, 0))
    posterior = {"z_mean": tf.constant([[1.0, 0.0]] * 2), "z_log_var": tf.zeros([2, 2])}
    monkeypatch.setattr(VariationalGAN, "posterior", lambda self, batch, step: posterior)
    terms = model.encoder_terms(batch, step)
    assert float(terms["weighted_kl"]) == pytest.approx(0.5 * 0.5, rel=1e-5)  # KL(N(1, 1) || N(0, 1)) = 1/2
    assert "kl" not in terms and float(step.logs["kl"]) == pytest.approx(0.5, rel=1e-5)
    decoding = model.decoder_terms(batch, step)
    assert float(decoding["decoder_content"]) == pytest.approx(3.0 * float(terms["content"]), rel=1e-4)


def test_the_distance_of_reconstructions_is_that_of_the_copies(monkeypatch, images):
    from tfgen import metrics
    from tfgen.data.source import Arrays, Source
    from tfgen.evaluation import reconstructions
    from tfgen.evaluation.settings import Settings

    class Pixels:
        name, classes, sha256, version, resize = "pixels", None, "0", 1, None

        def features(self, images):
            return np.asarray(images, np.float32).reshape(len(images), -1)[:, :6]

        def describe(self):
            return {"name": "pixels", "version": 1, "sha256": "0", "resize": None}

    pictures = np.random.default_rng(1).integers(0, 256, (60, *SHAPE), dtype=np.uint8)
    splits = {"train": Arrays({"image": pictures[:40]}, FIELDS), "test": Arrays({"image": pictures}, FIELDS)}
    source = Source("noise", FIELDS, splits, extractor="pixels")
    monkeypatch.setattr(reconstructions, "load_extractor", lambda name: Pixels())
    model = built("aae")
    scores, _ = reconstructions.reconstruction_distance(model, source, Settings(num=30))
    rows = reconstructions.chosen(60, 30, 0)
    copies = reconstructions.reconstructed(model, source, "test", rows)
    np.testing.assert_array_equal(
        copies, np.round(255 * np.asarray(model.reconstruct(pictures[rows]))).astype(np.uint8)
    )
    expected = metrics.frechet_distance(Pixels().features(pictures), Pixels().features(copies))
    score = scores["reconstruction_fd"]
    assert score.value == pytest.approx(expected, rel=1e-6) and score.protocol["fake"] == {"count": 30}
    assert score.floor is not None and score.protocol["parameters"] == {"of": "reconstructions"}
