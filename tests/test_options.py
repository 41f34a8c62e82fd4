"""Options of a builder: which there are, how text becomes a value, what is said of mistakes."""

import dataclasses
import sys
import types
from typing import Literal

import pytest

from tfgen import augment, objectives, penalties
from tfgen.errors import UserError
from tfgen.recipes.conversion import Mismatch, convert
from tfgen.recipes.options import (
    Options,
    Usage,
    keyword_arguments,
    left_out,
    option_parameters,
    refuse,
    resolve,
    table,
    without_effect,
)
from tfgen.recipes.spelling import spell


@dataclasses.dataclass(frozen=True)
class Shape:
    sides: int = 4
    name: str = "square"

    def __post_init__(self):
        if self.sides < 3:
            raise UserError(f"a shape needs 3 sides, got {self.sides}")


@pytest.fixture(autouse=True)
def shapes(monkeypatch):
    """A module with a class, two instances, two factories and functions that are none."""
    module = types.ModuleType("shapes_for_tests")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Shape, "__module__", module.__name__)
    code = """
square, triangle = Shape(), Shape(3, "triangle")
number = 5

def polygon(sides=5, name="polygon"):
    return Shape(sides, name)

def named(name) -> Shape:
    return Shape(4, name)

def area(width, height):
    return width * height

def version() -> str:
    return "1"

def _private():
    return Shape()
"""
    module.Shape = Shape
    exec(code, vars(module))
    return module


def builder(
    fields,
    *,
    latent_dim: int = 100,
    rate: float = 1e-3,
    bias: bool = True,
    text: str = "",
    binarize: Literal["none", "static", "dynamic"] = "none",
    ema: float | None = 0.999,
    depth: int | None = None,
    units: tuple[int, ...] = (500,),
    pair: tuple[float, float] = (0.0, 1.0),
    shape: Shape = Shape(),
    maybe: Shape | None = None,
    many: tuple[Shape, ...] = (),
    word: Literal["none", "auto"] | None = None,
    swapped: None | Literal["none", "auto"] = None,
    late: "int | None" = None,
    bare=3,
    anything=None,
):
    """For tests."""


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("latent_dim", "64", 64),
        ("latent_dim", 64, 64),
        ("latent_dim", "1e3", 1000),
        ("latent_dim", 2.0, 2),
        ("latent_dim", "1234567890123456789", 1234567890123456789),
        ("rate", "1e-4", 1e-4),
        ("rate", 1, 1.0),
        ("rate", "3", 3.0),
        ("bias", "false", False),
        ("bias", "True", True),
        ("bias", "0", False),
        ("bias", False, False),
        ("text", "12", "12"),
        ("binarize", "static", "static"),
        ("binarize", "none", "none"),
        ("binarize", None, "none"),
        ("ema", "none", None),
        ("ema", "null", None),
        ("ema", None, None),
        ("ema", "0.9", 0.9),
        ("depth", "3", 3),
        ("units", "500,200", (500, 200)),
        ("units", "(500, 200)", (500, 200)),
        ("units", "[500]", (500,)),
        ("units", "500", (500,)),
        ("units", 500, (500,)),
        ("units", [500, 200], (500, 200)),
        ("units", "()", ()),
        ("pair", "-1,1", (-1.0, 1.0)),
        ("word", "none", "none"),
        ("word", None, None),
        ("swapped", "none", "none"),
        ("late", "4", 4),
        ("late", "none", None),
        ("bare", "5", 5),
        ("anything", "[1, 'a']", [1, "a"]),
        ("anything", "free text", "free text"),
    ],
)
def test_values_are_converted_by_annotation(name, given, expected):
    value = resolve(builder, {name: given})[name]
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("triangle", Shape(3, "triangle")),
        ("polygon", Shape(5, "polygon")),
        ("polygon()", Shape(5, "polygon")),
        ("polygon(6)", Shape(6, "polygon")),
        ("polygon(name='a, b', sides=7)", Shape(7, "a, b")),
        ("named('x')", Shape(4, "x")),
        ("named(x)", Shape(4, "x")),
        ("polygon(name=x, sides=7)", Shape(7, "x")),
        (Shape(9), Shape(9)),
    ],
)
def test_objects_are_named_or_called_with_literals(given, expected):
    assert resolve(builder, {"shape": given}) == {"shape": expected}
    assert resolve(builder, {"maybe": given}) == {"maybe": expected}


def test_optional_and_repeated_objects():
    assert resolve(builder, {"maybe": "none", "many": "square, polygon(6, 'x')"}) == {
        "maybe": None,
        "many": (Shape(), Shape(6, "x")),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dmi": 3}, "builder has no option 'latent_dmi'; did you mean 'latent_dim'?"),
        ({"fields": 3}, "builder has no option 'fields'"),
        ({"latent_dim": 1.5}, "option 'latent_dim' expects an integer, got 1.5"),
        ({"latent_dim": "many"}, "option 'latent_dim' expects an integer, got 'many'"),
        ({"latent_dim": True}, "option 'latent_dim' expects an integer, got True"),
        ({"latent_dim": "inf"}, "option 'latent_dim' expects an integer, got 'inf'"),
        ({"latent_dim": None}, "option 'latent_dim' expects an integer, got None"),
        ({"rate": "fast"}, "option 'rate' expects a number, got 'fast'"),
        ({"rate": "nan"}, "option 'rate' expects a number, got 'nan'"),
        ({"bias": "maybe"}, "option 'bias' expects true or false, got 'maybe'"),
        ({"text": 3}, "option 'text' expects text, got 3"),
        (
            {"binarize": "dynamc"},
            "option 'binarize' expects 'none' or 'static' or 'dynamic', got 'dynamc'; did you mean 'dynamic'?",
        ),
        ({"ema": "x"}, "option 'ema' expects a number or none, got 'x'"),
        ({"units": "5,x"}, "option 'units' expects integers separated by commas, got '5,x'"),
        ({"units": "5,1.5"}, "option 'units' expects integers separated by commas, got '5,1.5'"),
        ({"pair": "1"}, "option 'pair' expects 2 numbers separated by commas, got '1'"),
        ({"pair": [1, 2, 3]}, "option 'pair' expects 2 numbers separated by commas, got [1, 2, 3]"),
        (
            {"shape": "trangle"},
            "option 'shape' expects a Shape (named, polygon, square, triangle), got 'trangle'; "
            "did you mean 'triangle'?",
        ),
        ({"shape": "area"}, "option 'shape' expects a Shape (named, polygon, square, triangle), got 'area'"),
        ({"shape": "version"}, "option 'shape' expects a Shape (named, polygon, square, triangle), got 'version'"),
        ({"shape": "_private"}, "option 'shape' expects a Shape (named, polygon, square, triangle), got '_private'"),
        ({"shape": 3}, "option 'shape' expects a Shape (named, polygon, square, triangle), got 3"),
        ({"shape": "square(3)"}, "option 'shape': 'square' takes no arguments, got 'square(3)'; write square"),
        (
            {"shape": "polygon(2)"},
            "option 'shape': 'polygon(2)' is refused (a shape needs 3 sides, got 2); "
            "write it as polygon(sides=5, name='polygon')",
        ),
        (
            {"shape": "polygon(side=2)"},
            "option 'shape': 'polygon(side=2)' is refused (got an unexpected keyword argument 'side'); "
            "write it as polygon(sides=5, name='polygon')",
        ),
    ],
)
def test_mistakes_say_what_was_expected(options, message):
    with pytest.raises(UserError) as raised:
        resolve(builder, options)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["polygon(open('x'))", "polygon(1", "__import__('os')", "a.b", "polygon(*[1])", "1 +"])
def test_text_is_never_evaluated(text):
    with pytest.raises(UserError, match="option 'shape'"):
        resolve(builder, {"shape": text})


def test_a_long_integer_stays_exact_and_numpy_numbers_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert resolve(builder, {"latent_dim": numpy.int64(7), "rate": numpy.float32(0.5)}) == {
        "latent_dim": 7,
        "rate": 0.5,
    }


def test_a_factory_must_return_the_object(shapes):
    exec("def five():\n    return 5", vars(shapes))
    with pytest.raises(UserError, match="expects a Shape .*, got 'five'"):
        resolve(builder, {"shape": "five"})


def test_a_builder_may_take_whatever_comes():
    def loose(fields, **options):
        pass

    assert resolve(loose, {"width": "5", "name": "x"}) == {"width": 5, "name": "x"}


def test_an_annotation_for_type_checkers_alone_is_no_obstacle():
    def lazy(fields, *, width: "NotImported" = 3):  # noqa: F821
        pass

    assert resolve(lazy, {"width": "5"}) == {"width": 5}


def test_the_table_shows_defaults_as_they_are_typed(shapes):
    def small(
        fields, *, shape: Shape = shapes.triangle, units: tuple[int, ...] = (5, 6), ema: float | None = None, n: int
    ):
        pass

    assert table(small) == [
        ("shape", "triangle", "a Shape (named, polygon, square, ...)", ""),
        ("units", "5,6", "integers separated by commas", ""),
        ("ema", "none", "a number or none", ""),
        ("n", "required", "an integer", ""),
    ]


@dataclasses.dataclass(frozen=True)
class Sizes(Options):
    width: int = 8
    units: tuple[int, ...] = (5,)
    shape: Shape | None = None

    def __post_init__(self):
        if self.width < 1:
            raise UserError(f"width must be at least 1, got {self.width}")


def grouped(fields, *, sizes: Sizes = Sizes(width=3), rate: float = 0.1, kind: type = dict):
    """For tests: reads the width alone."""
    sizes.idle("without layers", "units")
    return kind(width=sizes.width, rate=rate)


def test_a_group_stands_for_its_fields_with_the_builders_own_defaults():
    parameters = option_parameters(grouped)
    assert {name: p.default for name, p in parameters.items()} == {
        "width": 3,
        "units": (5,),
        "shape": None,
        "rate": 0.1,
    }
    rows = [("width", "3", "an integer", ""), ("units", "5", "integers separated by commas", "")]
    assert table(grouped)[:2] == rows
    assert table(grouped, {"width": "7"})[0].value == "7"
    values = resolve(grouped, {"width": "4", "shape": "triangle", "rate": "1"})
    usage = Usage()
    arguments = keyword_arguments(grouped, values, usage)
    assert arguments == {"sizes": Sizes(4, (5,), Shape(3, "triangle")), "rate": 1.0}
    with pytest.raises(UserError, match="grouped has no option 'sizes'"):
        resolve(grouped, {"sizes": 3})
    with pytest.raises(UserError, match="width must be at least 1, got 0"):
        keyword_arguments(grouped, {"width": 0}, usage)


def idle_of(**values):
    usage = Usage()
    assert grouped({}, **keyword_arguments(grouped, values, usage))
    return without_effect(grouped, values, usage)


def test_what_a_builder_does_not_read_has_no_effect(shapes):
    idle = idle_of(width=4, units=(5,), shape=shapes.square, rate=3.0)
    assert idle == [("units", (5,), True, "without layers"), ("shape", Shape(), False, "here")]
    refuse(idle, {"width", "units", "rate"})  # units is the default
    with pytest.raises(UserError, match="^option 'shape' has no effect here; leave it out$"):
        refuse(idle, {"shape"})
    assert left_out(idle) == [
        "units=5 of the recipe has no effect without layers: left out",
        "shape=square of the recipe has no effect here: left out",
    ]
    both = idle_of(units=(6, 7), width=1)
    assert left_out(both) == ["units=6,7 of the recipe has no effect without layers: left out"]


def test_groups_behave_as_the_values_that_they_are():
    usage = Usage()
    sizes = Sizes(width=3).observed(usage)
    changed = sizes.replace(width=4)
    assert changed.width == 4 and usage.read == set()  # not what the user gave
    assert changed.units == (5,) and usage.read == {"units"}
    assert sizes == Sizes(width=3) and usage.read == {"units", "width", "shape"}
    with pytest.raises(UserError, match="width must be at least 1"):
        sizes.replace(width=0)
    with pytest.raises(TypeError):
        sizes.replace(height=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sizes.width = 4


def test_calls_within_a_call_are_objects_of_the_same_class():
    penalty = convert("total(r1(1), lecam(weight=0.1))", penalties.Penalty)
    assert penalty == penalties.total(penalties.r1(1.0), penalties.lecam(0.1))
    assert spell(penalty) == "total(r1(weight=1.0, every=1), lecam(weight=0.1, decay=0.99))"
    assert convert(spell(penalty), penalties.Penalty) == penalty
    chained = convert("chain(mirror(), cutout(0.25))", augment.Augment)
    assert chained == augment.chain(augment.mirror(), augment.cutout(0.25)) == convert(spell(chained), augment.Augment)


@pytest.mark.parametrize(
    "text", ["total()", "total(3)", "total(mirror())", "total(__import__('os'))", "total(open('x'), r1(1))", "total(r)"]
)
def test_calls_of_anything_else_are_refused(text):
    with pytest.raises(Mismatch):
        convert(text, penalties.Penalty)


@pytest.mark.parametrize(
    "value, text",
    [
        (penalties.gradient_penalty(3.0), "gradient_penalty(weight=3.0, every=1)"),
        (penalties.r1_r2(0.5, 4), "r1_r2(weight=0.5, every=4)"),
        (
            penalties.total(penalties.r1(1.0), penalties.r2(2.0)),
            "total(r1(weight=1.0, every=1), r2(weight=2.0, every=1))",
        ),
        (objectives.iwae(), "iwae()"),
        (augment.diff_augment("mirror,cutout"), "chain(mirror(), cutout(fraction=0.5))"),
    ],
)
def test_an_object_is_spelled_as_what_makes_it(value, text):
    assert spell(value) == text
