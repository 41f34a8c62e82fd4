"""Domains of numbers: what lies within, the words for it, and every option of every model with numbers from outside."""

import dataclasses
import math
import time
import typing
from typing import Literal

import numpy as np
import pytest

import tfgen
from tfgen import augment, domains, likelihoods, models, objectives, penalties, priors, samplers
from tfgen.data.source import Field
from tfgen.domains import FINITE, INT64, Count, Interval, Proportion
from tfgen.errors import SHOWN, UserError, shown
from tfgen.models.options import Adversarial, ConvAdversaries, DenseNetwork, Optimizer, Variational
from tfgen.optimizers.building import TYPES, make_optimizer
from tfgen.optimizers.schedules import parse_schedule
from tfgen.recipes.conversion import _split
from tfgen.recipes.options import annotation_of, option_parameters
from tfgen.recipes.recipe import Recipe

NUMBERS = ["inf", "-inf", "nan", "1e400", "-1", "0", "-0", str(10**24), "9" * 5000, "1_000", "٣", "²", " ", "0x10"]


@pytest.mark.parametrize(
    ("domain", "inside", "outside", "words", "rule"),
    [
        (Interval(1, domains.LARGEST), [1, 2**31 - 1], [0, -1, 2**31, 10**5000], " of at least 1", "be at least 1"),
        (Interval(0.0, low_open=True), [1e-300, 1], [0.0, -0.0, -1, math.inf, math.nan], " above 0", "be positive"),
        (Interval(0.0), [0, -0.0, 3e38], [-1e-9, math.inf, math.nan, 4e38], " of at least 0", "be at least 0"),
        (Interval(0.0, 1.0, high_open=True), [0, 0.999], [1, -0.1, math.nan], " in [0, 1)", "lie in [0, 1)"),
        (Interval(1, domains.MANY), [1, 2**16], [0, 2**16 + 1], " of at least 1", "be at least 1"),
        (Interval(1, 10), [1, 10], [0, 11], " in [1, 10]", "lie in [1, 10]"),
        (FINITE, [-3e38, 0, 10**38], [math.inf, -math.inf, math.nan, 10**5000], "", "be a finite number"),
        (INT64, [-(2**63), 2**63 - 1], [2**63, -(2**63) - 1], "", "be an integer of 64 bits"),
    ],
)
def test_an_interval_holds_its_numbers_and_says_so(domain, inside, outside, words, rule):
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)
    assert (domain.words, domain.rule) == (words, rule)


def test_numbers_are_found_in_unions_and_tuples():
    assert domains.violated(None, Count | None) is None
    assert domains.violated(0, Count | None)[0] == 0
    assert domains.violated((3, 0, 5), tuple[Count, ...])[0] == 0
    assert domains.violated(True, Count) is None  # no number
    assert domains.violated(math.nan, float)[1] is FINITE  # a type without a domain of its own
    assert domains.violated("0", Count) is None


@pytest.mark.parametrize("text", ["1_000", "٣", "²", "", " ", "1e", "0x10", "1,5", "--1", "1 2", "infinite"])
def test_numbers_are_written_in_ascii_digits(text):
    for read in (domains.integer, domains.number):
        with pytest.raises(ValueError):
            read(text)
    assert (domains.integer(" -12 "), domains.number("12"), domains.number("-.5e-1")) == (-12, 12, -0.05)


def test_long_values_are_shortened_in_messages():
    assert shown(10**5000) == "a value of type int"
    assert len(shown("x" * 10**6)) < SHOWN and shown("x" * 10**6).startswith("'xxx")


# ---- one statement of a domain, many doors ----


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Adversarial(latent_dim=0), "latent_dim must be at least 1, got 0"),
        (
            lambda: tfgen.build_model("vae", (16, 16, 1), width=10**6),
            "width must be at least 1, got 1000000; the largest is 65536",
        ),
        (lambda: ConvAdversaries(dropout=1.5), r"dropout must lie in \[0, 1\), got 1.5"),
        (lambda: DenseNetwork(units=(5, 0)), r"units must be at least 1, got \(5, 0\)"),
        (
            lambda: Optimizer(learning_rate=math.inf),
            "learning_rate must be at least 0, got inf; it has to be finite in",
        ),
        (
            lambda: Variational(samples=2**40),
            "samples must be at least 1, got 1099511627776; the largest is 2147483647",
        ),
        (lambda: tfgen.build_model("vae", (16, 16, 1), width="0"), "width must be at least 1, got 0"),
        (
            lambda: tfgen.build_model("vae", (16, 16, 1), ema=1.5),
            r"ema must lie in \[0, 1\), got 1.5",
        ),
        (lambda: Recipe("vae", options={"beta": math.nan}), "option 'beta' must be a finite number, got nan"),
        (
            lambda: Recipe("vae", options={"units": [10**5000]}),
            "option 'units' must be an integer of 64 bits, got a val",
        ),
        (
            lambda: Recipe("vae", steps=10**20),
            "steps expects an integer of at least 1 and at most 2147483647, got 1000",
        ),
        (
            lambda: Recipe("vae", stages="a:99999999999999999999"),
            "the length of stage a expects an integer of at least",
        ),
        (lambda: make_optimizer("adam", math.inf), "learning_rate must be at least 0, got inf"),
        (lambda: make_optimizer("adam", beta_1=-1), r"beta_1 must lie in \[0, 1\), got -1"),
        (lambda: make_optimizer("adamw", weight_decay=-0.1), "weight_decay must be at least 0"),
        (lambda: parse_schedule({"name": "cosine", "warmup": 1.5}), r"'warmup' of the schedule 'cosine' must lie in"),
        (lambda: parse_schedule({"name": "stages", "epochs": [1, -2], "factors": [1, 1]}), "'epochs' of the schedule"),
        (lambda: penalties.r1(math.nan), "weight must be at least 0, got nan"),
        (lambda: penalties.gradient_penalty(-1), "weight must be at least 0, got -1.0"),
        (lambda: augment.translate(1.5), r"fraction must lie in \[0, 1\), got 1.5"),
        (lambda: augment.instance_noise(math.inf), "sigma must be at least 0, got inf; it has to be finite"),
        (lambda: likelihoods.gaussian(0), "sigma must be positive, got 0.0"),
        (lambda: objectives.elbo(1.0, -1), "warmup_steps must be at least 0, got -1"),
        (lambda: priors.uniform(-math.inf, 1), "low must be a finite number, got -inf"),
        (lambda: samplers.heun(0), "steps must be at least 1, got 0"),
        (lambda: samplers.euler(5, guidance=math.nan), "guidance must be a finite number, got nan"),
        (lambda: samplers.euler(1.5), "steps must be an integer, got 1.5"),
        (lambda: samplers.heun("x"), "steps must be an integer, got 'x'"),
        (lambda: samplers.ddim(5, guidance=None), "guidance must be a number, got None"),
        (lambda: samplers.inpainting(repeats=2.5), "repeats must be an integer, got 2.5"),
        (lambda: samplers.inpainting(samplers.latent()), r"steps of a flow's sampler, such as ddim\(20\), got Latent"),
        (lambda: samplers.inpainting(samplers.inpainting()), "steps of a flow's sampler"),
        (lambda: objectives.miwae(2.5), "groups must be an integer, got 2.5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_number_outside_is_refused_at_every_door(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_numbers_of_a_value_have_the_type_of_their_field():
    steps, guidance = np.int64(3), 2
    made = samplers.euler(steps, guidance)
    assert made == samplers.Euler(3, 2.0)
    assert [type(value) for value in (made.steps, made.guidance)] == [int, float]
    assert repr(objectives.elbo(2)) == "Elbo(beta=2.0, warmup_steps=0)"


class Gentle(tfgen.AdversarialModel):
    """A subclass that states a domain of its own."""

    def __init__(self, generator, discriminator, *, amount: Proportion = 0.5, **options):
        super().__init__(generator, discriminator, **options)


@pytest.mark.parametrize("wrong", [{"amount": 1.0}, {"latent_dim": 0}, {"ema": 1.0}, {"seed": -1}])
def test_a_models_own_arguments_and_those_of_its_bases_are_checked(wrong):
    name = next(iter(wrong))
    with pytest.raises(UserError, match=f"{name} must "):
        Gentle(None, None, **{"latent_dim": 3, **wrong})


def test_the_options_of_the_optimizers_have_the_domains_that_optimizers_check():
    hints = domains.annotations_of(Optimizer)
    for name, annotation in TYPES.items():
        assert hints[name] in (annotation, annotation | None)
    assert set(TYPES) == {field.name for field in dataclasses.fields(Optimizer)} - {"optimizer"}


# ---- every option of every model ----

FIELDS = {
    "image": Field("image", (16, 16, 1)),
    "label": Field("label", range=(0, 3)),
}


def numeric(annotation):
    """Whether an option takes a number, alone or in a tuple."""
    base, domain = domains.unwrap(annotation)
    return domain is not None or any(numeric(arm) for arm in typing.get_args(base) if base is not Literal)


def numeric_options():
    for name in tfgen.model_names():
        builder = models.MODELS.get(name)
        if builder.__module__.startswith("tfgen."):
            for option, parameter in option_parameters(builder).items():
                if numeric(annotation_of(builder, parameter)) and option != "seed":
                    yield name, option


@pytest.mark.parametrize(("model", "option"), [*numeric_options()])
def test_every_option_takes_a_number_or_refuses_it_in_one_sentence(model, option):
    """What is refused is refused before anything is built; what is accepted is built below."""
    from tfgen.recipes.options import resolve

    builder = models.MODELS.get(model)
    for text in NUMBERS:
        try:
            resolve(builder, {option: text})
        except UserError as error:
            message = str(error)
            assert (
                message.startswith((f"option '{option}' expects ", f"{option} must "))
                and "\n" not in message
                and len(message) < 400
            )
        else:
            assert text in ("0", "-0", "-1", " ", str(10**24)), text


@pytest.mark.slow
@pytest.mark.parametrize("text", ["0", str(10**24)])
@pytest.mark.parametrize(("model", "option"), [*numeric_options()])
def test_a_number_that_is_accepted_builds_a_model(model, option, text):
    parameters = option_parameters(models.MODELS.get(model))
    dense = {"network": "dense"} if "network" in parameters and option in ("units", "stddev", "initial_scale") else {}
    optimizers = {"weight_decay": "adamw", "momentum": "sgd", "final_momentum": "sgd", "momentum_steps": "sgd"}
    chosen = {"optimizer": optimizers[option]} if option in optimizers else {}
    chosen |= {"latent_dim": 2} if "latent_dim" in parameters else {}
    try:
        tfgen.build_model(model, fields=FIELDS, **{**dense, **chosen, option: text})
    except UserError as error:
        assert option in str(error)


# ---- texts that take long to read ----


@pytest.mark.parametrize(
    "text",
    ["'" * 50_000, "'\"" * 25_000, "(" * 100_000, "[" * 100_000 + "]" * 100_000, "'a',(" * 20_000, "-" * 100_000 + "1"]
    + ["1+" * 50_000 + "1", "not " * 50_000 + "1", "f(" * 50_000, "a." * 50_000 + "a", "{1:" * 50_000, "," * 100_000]
    + ["lambda: " * 20_000, "f'{" * 20_000, "\\" * 100_001, "1if 1else " * 20_000 + "1", "\0" * 100, "((((" * 20 + "1"],
    ids=lambda text: text[:6],
)
def test_hostile_texts_are_read_in_linear_time(text):
    began = time.process_time()
    for option in ("prior", "likelihood", "units", "beta", "network"):
        with pytest.raises(UserError):
            tfgen.build_model("vae", (16, 16, 1), **{option: text + " x"})
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("500, uniform(-1, 1)", ["500", "uniform(-1, 1)"]),
        ("(1, 2)", ["1", "2"]),
        ("'a, b', \"c, d\"", ["'a, b'", '"c, d"']),
        ("it's, b", ["it's", "b"]),
        ("f(g(1, 2), [3, 4]), 5", ["f(g(1, 2), [3, 4])", "5"]),
        ("a), b", ["a)", "b"]),
        (", ,", []),
    ],
)
def test_lists_are_cut_at_commas_outside_of_brackets_and_quotes(text, items):
    assert _split(text) == items
