"""`python -m tfgen.report`: what is on the page, what is left out, and how it looks to a browser."""

import base64
import dataclasses
import functools
import html.parser
import io
import json
import math
import re
import subprocess
import sys
import zipfile

import chromium
import keras
import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.data.source import Field
from tfgen.export import save_keras_files
from tfgen.families.adversarial.charts import CHARTS
from tfgen.recipes.recipe import Recipe
from tfgen.report import curves, folder_pictures, pictures, write_report
from tfgen.report.__main__ import COMMAND
from tfgen.report.charts import Axis, Frame, Series, bar_chart, line_chart, nice_step, scatter, short, thinned
from tfgen.report.figures import img
from tfgen.report.markup import element, folded, joined, table
from tfgen.report.plans import Plan
from tfgen.report.style import STYLE
from tfgen.runs.folder import load_run, save_record
from tfgen.storage import images

IMAGE = {"image": Field("image", (16, 16, 1))}
LABELLED = {**IMAGE, "label": Field("label", range=(0, 3))}
POINT = {"point": Field("point", (2,))}
SMALL = {"network": "dense", "latent_dim": 2}
HOSTILE = "<script>document.title = 'taken'</script>"
CLASSES = [HOSTILE, 'T-shirt & "top"', "</style><img src=x onerror=alert(1)>"]
MIXTURE = {"means": [[-1.0, 0.0], [1.0, 0.0]], "sigma": 0.1}
RUNS = {  # the folder's name -> model, fields, options, what recipe.json says of the data
    "vae": ("vae", IMAGE, {**SMALL, "units": [8]}, {"name": "some"}),
    'a<b>&"c': ("cgan", LABELLED, SMALL, {"name": "some", "source": HOSTILE}),
    "points": ("gan", POINT, {"latent_dim": 2, "units": [8]}, {"name": "two", "mixture": MIXTURE}),
}
GAN = 'a<b>&"c'
GAN_HISTORY = """epoch,step,discriminator_loss,fake_score,generator_loss,kid,real_score
1,10,1.0,0.25,0.5,,0.75
2,20,1.5,0.375,0.75,0.02,0.625
3,30,1.25,0.5,1.0,0.04,0.5
"""
VAE_HISTORY = "epoch,step,kl,loss,odd_term,reconstruction\n1,10,1.0,9.0,7.5,8.0\n2,20,2.0,8.0,6.5,6.0\n"
DIAGNOSIS = """step,discriminator_gradient,equilibrium_distance,fake_score,generator_gradient,held_out_score,real_score
10,100.0,0.3,0.2,0.01,0.7,0.8
20,1.0,0.2,0.3,0.02,0.6,0.7
"""
FINDINGS = [{"step": 20, "name": "generator_collapsed", "message": f"the generator has collapsed: {HOSTILE}"}]


load_once = functools.cache(load_run)  # a second to load, six times


def protocol(count=100, **parameters):
    """As evaluation.json states it."""
    real = {"dataset": "some", "split": "test", "count": 50, "image_shape": [16, 16, 1], "sha256": "ab" * 32}
    extractor = {"name": "means", "version": "1", "sha256": "cd" * 32, "accuracy": 0.9268, "is_fid": False}
    stated = {"version": 1, "real": real, "extractor": extractor, "fake": {"count": count}}
    return {**stated, "parameters": parameters}


def score(value, low=None, high=None, floor=None, stated=None):
    return {"value": value, "low": low, "high": high, "floor": floor, "protocol": stated or protocol()}


def evaluation(**changes):
    """What evaluation.json holds."""
    return {
        "subject": {"model": "cgan", "step": 30, "seed": 0},
        "metrics": {
            "fd": score(12.345678, 11.5, 13.25, 0.789, protocol(interval="bootstrap")),
            "kid": score(-0.00123, -0.002, 0.0005, 0.0001),
            "active_units": score(7.0),
            "precision": score(None),
        },
        "details": {
            "class_histogram": {"samples": [0.5, 0.3, 0.2], "real": [0.25, 0.25, 0.5]},
            "fd_per_class": {"0": 1.5, "1": 2.5, "2": 3.5},
        },
        "controls": {
            "blur over 3x3": {"count": 50, "fd": 45.6, "kid": 0.5},
            "real": {"count": 50, "fd": 0.789, "kid": 0.0001},
        },
        "seconds": {"frechet": 0.1},
        **changes,
    }


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The data set npz:FILE, and its images."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
    path = tmp_path_factory.mktemp("data") / "some.npz"
    np.savez(path, x_train=pixels[:8], x_valid=pixels[8:])
    return path, pixels[8:]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, originals):
    """Folders of runs as training, diagnosis and evaluation leave them."""
    root = tmp_path_factory.mktemp("runs")
    for name, (model, fields, options, data) in RUNS.items():
        keras.utils.set_random_seed(0)
        built = tfgen.build_model(model, fields=fields, **options)
        recipe = Recipe(model=model, options=options, dataset=f"npz:{originals[0]}", epochs=3)
        charts = [dataclasses.asdict(chart) for chart in built.charts()]
        more = {"class_names": CLASSES, "data": data, "versions": {"keras": "3.15.1"}, "charts": charts}
        save_record(root / name, recipe, fields, **more)
        save_keras_files(built, root / name / "models")
    (root / "vae" / "history.csv").write_text(VAE_HISTORY)
    whole = root / GAN
    (whole / "history.csv").write_text(GAN_HISTORY)
    (whole / "diagnosis.csv").write_text(DIAGNOSIS)
    (whole / "diagnosis.json").write_text(json.dumps(FINDINGS))
    (whole / "evaluation.json").write_text(json.dumps(evaluation()))
    pixels = originals[1][..., 0]
    images.save_png(whole / "nearest.png", images.grid(pixels[:20], 10))
    images.save_gif(whole / "samples" / "progress.gif", [images.grid(pixels[i : i + 9]) for i in range(4)])
    return root


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory):
    """Paths of the pages: one for each run, and `both` for two of them."""
    root = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.report.report.load_run", load_once)
        made = {name: write_report([runs / name], root / f"{i}.html") for i, name in enumerate(RUNS)}
        return {**made, "both": write_report([runs / "vae", runs / GAN], root / "both.html")}


@pytest.fixture
def folder(tmp_path):
    """`folder(file=text, ...)`: a run without a model, with these files in it."""

    def make(name="run", fields=IMAGE, **files):
        charts = [dataclasses.asdict(chart) for chart in CHARTS]
        save_record(tmp_path / name, Recipe(model="dcgan", epochs=1), fields, class_names=None, charts=charts)
        for file, content in files.items():
            path = tmp_path / name / file.replace("_", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return make


class Reader(html.parser.HTMLParser):
    """Elements, attributes and text of a page, and whether its tags match."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.unmatched, self._open = [], [], [], []
        self.feed(page)
        self.unmatched += self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.unmatched.append(tag)

    def handle_data(self, text):
        if self._open[-1:] != ["style"]:
            self.text.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def read(page):
    return Reader(page.read_text(encoding="utf-8"))


def words(page):
    return " ".join(" ".join(read(page).text).split())


def drawn(page, spoken):
    """The pixels of the picture whose alternative text begins so."""
    (found,) = [found for found in read(page).all("img") if found["alt"].startswith(spoken)]
    return decoded(found)


def decoded(img):
    """The pixels of an `img`, from its attributes."""
    source = img["src"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition("base64,")[2]))))


def report(*flags):
    return COMMAND([*map(str, flags)])


# The command.


def test_the_command_writes_report_html_into_the_run(folder, capsys):
    run = folder(history_csv=GAN_HISTORY)
    assert report(f"--run={run}", "--nopictures") == 0
    assert capsys.readouterr() == (f"{run / 'report.html'}\n", "")
    other = folder("other", history_csv=GAN_HISTORY)
    assert report(f"--run={run}", f"--run={other}", "--nopictures") == 0
    assert capsys.readouterr().out == f"{run.parent / 'comparison.html'}\n"


def test_help_and_a_report_without_pictures_start_no_tensorflow(folder):
    flags = [["--help"], [f"--run={folder(history_csv=GAN_HISTORY)}", "--nopictures"]]
    code = f"import sys; from tfgen.report.__main__ import COMMAND; print([COMMAND(f) for f in {flags}], end=' ')"
    code += "; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("[0, 0] False\n") and "--run" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "--run is required"),
        (["--run=none"], "there is no folder none"),
        (["--run=loop/run"], "there is no folder loop/run"),
        (["--run=run", "--out=page.txt"], "a report is written as FILE.html, got page.txt"),
        (["--run=run", "--run=./run"], "is given twice; a comparison needs different runs"),
        (["--run=broken"], "recipe.json is damaged or not written by tfgen"),
        (["--run=run", "--seed=-1"], "at least 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(folder, tmp_path, monkeypatch, capsys, flags, sentence):
    folder()
    (tmp_path / "loop").symlink_to("loop")
    (folder("broken") / "recipe.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    assert report(*flags) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and error.startswith("tfgen report: ")
    assert not list(tmp_path.rglob("*.html"))


# In a browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    path = chromium.find()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(chromium.NAMES)} is on the PATH (apt-get install chromium)")
    with chromium.browser(path, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize("name", [*RUNS, "both"])
def test_a_browser_shows_the_whole_page(browser, pages, name):
    pictures_of = {"vae": 3, GAN: 6, "points": 0, "both": 2}
    for width, dark in ((360, False), (1200, True)):
        browser.open(pages[name], width, dark=dark)
        seen = browser.evaluate(chromium.MEASURE)
        assert browser.complaints == []
        assert [address for address in browser.requests if not address.startswith("data:")] == [pages[name].as_uri()]
        assert (seen["overflow"], seen["wide"]) == (0, []), width
        assert (seen["images"], seen["broken"], seen["unnamed"]) == (pictures_of[name], [], 0)
        assert seen["scripts"] == 0 and "taken" not in browser.evaluate("document.title")
        assert HOSTILE in seen["text"] or name in ("vae", "points")
        back = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", back))) < 150) == dark, back


def test_the_browser_would_see_what_is_wrong(browser, tmp_path):
    """The test above on a page with every fault."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'><script>console.error('x'); y.z</script>"
        "<div style='width: 800px'>wide</div><img src='http://127.0.0.1:9/a.png'>"
    )
    browser.open(page, 360)
    seen = browser.evaluate(chromium.MEASURE)
    assert len(browser.complaints) >= 2 and "http://127.0.0.1:9/a.png" in browser.requests
    assert seen["overflow"] > 400 and seen["wide"] and seen["broken"] == [""] and seen["unnamed"] == 1


def test_wide_tables_scroll_in_a_box_of_their_own(browser, folder):
    text = json.dumps(evaluation())
    runs = [folder(f"run_{i}", history_csv=GAN_HISTORY, evaluation_json=text) for i in range(6)]
    browser.open(write_report(runs, pictures=False), 360)
    seen = browser.evaluate(chromium.MEASURE)
    assert (seen["overflow"], seen["wide"]) == (0, [])
    assert browser.evaluate("[...document.querySelectorAll('.wide')].some(e => e.scrollWidth > e.clientWidth + 50)")


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.1's contrast ratio of two colours, #rrggbb."""
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_from_their_ground():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    for scheme in STYLE.split("@media (prefers-color-scheme: dark)"):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for name in ("text", "soft", "link", "good"):
            assert contrast(colours[name], colours["card"]) >= 4.5, name
            assert contrast(colours[name], colours["back"]) >= 4.5, name
        assert contrast(colours["warn"], colours["warn-back"]) >= 4.5
        for index in range(6):
            assert contrast(colours[f"c{index}"], colours["card"]) >= 3, index


# What the page holds.


@pytest.mark.parametrize("name", [*RUNS, "both"])
def test_nothing_from_a_file_becomes_markup(pages, name):
    page = read(pages[name])
    assert page.unmatched == []
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    assert all(found["src"].startswith("data:image/") for found in page.all("img"))
    assert {"http-equiv": "Content-Security-Policy", "content": pages_policy()} in page.all("meta")
    assert len(page.all("h1")) == 1 and page.all("html") == [{"lang": "en"}]


def pages_policy():
    return "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_a_conditional_gan_with_everything(pages):
    said = words(pages[GAN])
    for part in [
        "Conditional GAN: images of a chosen class",
        "30 steps, 3 epochs",
        "Step 20: the generator has collapsed: <script>document.title = 'taken'</script>",
        "100 samples against 50 images of the test split of some, by features of means version 1 (test accuracy",
        "Fréchet distance (FD) fd, lower is better 12.35 11.5 … 13.25 0.789",
        "kid, lower is better -0.00123 -0.002 … 0.0005 0.0001",
        "active_units 7 –",
        "precision, higher is better – –",
        "extractor.accuracy 0.9268",
        "fd parameters.interval bootstrap",
        "ladder to judge a figure by. 50 images on each rung.",
        "fd kid real 0.789 0.0001 this run 12.35 -0.00123 blur over 3x3 45.6 0.5",
        "Kernel distance (KID) history.csv 0.02 (step 20) 0.04 (step 30)",
        "options.latent_dim 2",
    ]:
        assert part in said, part
    assert "FID" not in said and "not measured" not in said
    labels = [found["aria-label"] for found in read(pages[GAN]).all("svg") if "aria-label" in found]
    equilibrium = (
        "D(x), training images from 0.8 to 0.7; D(x), held-out images from 0.7 to 0.6; D(G(z)) from 0.2 to 0.3"
    )
    assert f"Line chart: Equilibrium. {equilibrium}" in labels
    assert "Line chart: Losses, mean of each epoch. discriminator from 1 to 1.25; generator from 0.5 to 1" in labels
    assert "Line chart: Gradient norms. discriminator from 100 to 1; generator from 0.01 to 0.02" in labels
    shares = 'samples 50.0 %, real images 25.0 %; T-shirt & "top" samples 30.0 %, real images 25.0 %'
    assert any(label.startswith("Bar chart: Classes") and shares in label for label in labels)
    assert any(label.startswith("Bar chart: FD within each class.") and "FD 2.5" in label for label in labels)


def test_a_vae(pages, originals, runs):
    said = words(pages["vae"])
    assert "python -m tfgen.evaluate --run=" in said and "it was trained without a diagnosis" in said
    labels = [found["aria-label"] for found in read(pages["vae"]).all("svg") if "aria-label" in found]
    assert "Line chart: Loss on training and on held-out images. training images from 9 to 8" in labels
    parts = "Negative ELBO in parts, mean of each epoch. reconstruction from 8 to 6; KL(q(z|x) || p(z)) from 1 to 2"
    assert (
        f"Line chart: {parts}" in labels
        and "Line chart: odd_term, mean of each epoch. odd_term from 7.5 to 6.5" in labels
    )
    model = load_once(runs / "vae").model
    assert np.array_equal(drawn(pages["vae"], "100 samples of vae"), images.grid(model.sample(100), 10)[..., 0])
    sheet = drawn(pages["vae"], "originals, reconstructions below")
    copies = images.to_uint8(np.asarray(model.reconstruct(originals[1][:30])))
    for row, expected in enumerate((originals[1][:10], copies[:10], originals[1][10:20], copies[10:20])):
        assert np.array_equal(sheet[18 * row : 18 * row + 20], images.grid(expected, 10)[..., 0])
    between = drawn(pages["vae"], "6 rows of images between two latents")
    assert between.shape == (6 * 18 + 2, 10 * 18 + 2)
    first, last = model.sample(2)
    assert np.array_equal(between[2:18, 2:18], first[..., 0]) and np.array_equal(between[2:18, 164:180], last[..., 0])


def test_classes_have_a_row_each(pages, runs):
    model = load_once(runs / GAN).model
    made = model.sample(30, label=np.repeat([0, 1, 2], 10))
    for index, name in enumerate(CLASSES):
        strip = drawn(pages[GAN], f"10 samples of the class {name}")
        assert np.array_equal(strip, images.grid(made[10 * index : 10 * index + 10], 10)[..., 0])


def test_points_are_scattered_over_their_modes(pages):
    page = read(pages["points"])
    assert len([found for found in page.all("circle") if found.get("class") == "mode"]) == 2
    (dots,) = [found["d"] for found in page.all("path")]
    assert dots.count("M") == pictures.POINTS
    assert not page.all("img")


def test_only_the_graph_of_2015_makes_an_fid_and_old_scores_are_said_to_be_old(folder):
    stated = {**protocol(), "extractor": {**protocol()["extractor"], "is_fid": True}}
    text = json.dumps(evaluation(metrics={"fd": score(3.0, stated=stated)}, subject={"step": 10}))
    said = words(write_report([folder(history_csv=GAN_HISTORY, evaluation_json=text)], pictures=False))
    assert "Fréchet Inception distance (FID) fd" in said
    assert "These scores are of step 10, and the run has come to step 30: evaluate it anew." in said


def test_scores_of_the_step_that_was_kept_are_not_old(folder):
    """A run under --stop=kid ends with the weights of its best score, from which no training goes on."""
    run = folder(history_csv=GAN_HISTORY, evaluation_json=json.dumps(evaluation(subject={"step": 20})))
    record = json.loads((run / "recipe.json").read_text())

    def said(**kept):
        (run / "recipe.json").write_text(json.dumps({**record, "kept": kept}))
        return words(write_report([run], pictures=False))

    found = said(step=20, last=30, by="kid", kid=0.02)
    assert "These scores are of step 20, whose weights were kept for the best kid; training ended at step 30." in found
    assert "evaluate it anew" not in found
    assert "training ended at step 35." in said(step=20, last=35, by="kid"), "no row of the tables is of that step"
    for kept in ({"step": 10, "last": 30}, {"step": 20, "last": 25}, {}):  # others were kept, or it was trained further
        assert "of step 20, and the run has come to step 30: evaluate it anew" in said(**kept)


def test_every_column_is_in_a_chart_and_what_is_no_chart_is_passed_over(folder):
    run = folder(history_csv=GAN_HISTORY, diagnosis_csv=DIAGNOSIS, diagnosis_json="[]")
    record = json.loads((run / "recipe.json").read_text())
    odd = [{"title": "Odd", "columns": ["kid"], "file": "history"}, 3, {"columns": {}, "file": "log.txt"}]
    odd.append({"title": "K <", "columns": {"kid": "K"}, "file": "history", "axis": {"low": "x", "mark": [0.5]}})
    for charts in (odd, "none", None):
        (run / "recipe.json").write_text(json.dumps({**record, "charts": charts}))
        page = write_report([run], pictures=False)
        labels = " ".join(found.get("aria-label", "") for found in read(page).all("svg"))
        said = ["discriminator_loss, mean of each epoch", "equilibrium_distance", "held_out_score", "Gradient norms"]
        for title in said + (["K <. K from"] if charts is odd else ["kid, mean of each epoch"]):
            assert title in labels, title
    assert "The diagnosis made 2 measurements and found no fault." in words(page)


def test_a_picture_that_fails_is_a_note(runs, tmp_path, monkeypatch):
    def broken(evidence, seed):
        raise ZeroDivisionError("in a\nplugin")

    monkeypatch.setattr(pictures, "interpolation", broken)
    monkeypatch.setattr("tfgen.report.report.load_run", load_once)
    said = []
    page = write_report([runs / "vae"], tmp_path / "r.html", say=said.append)
    assert said == ["left out of the report of vae: Between two latents failed: in a plugin"]
    assert "Left out: Between two latents failed" in words(page) and len(read(page).all("img")) == 2


def test_large_pictures_are_made_small(tmp_path):
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (300, 300), dtype=np.uint8) for _ in range(25)]
    images.save_gif(tmp_path / "progress.gif", frames)
    with folder_pictures.opened(tmp_path / "progress.gif") as film:
        small = folder_pictures.smaller_film(film)
    assert len(small) < 0.55 * (tmp_path / "progress.gif").stat().st_size
    assert Image.open(io.BytesIO(small)).n_frames == folder_pictures.FILM_FRAMES
    shrunk = img(np.zeros((800, 1600, 3), np.uint8), "large")
    assert 'width="800" height="400"' in shrunk and np.shape(decoded(Reader(shrunk).all("img")[0])) == (200, 400, 3)


def test_the_film_is_of_noise_or_of_examples(folder):
    """Films of models that reconstruct or translate have no noise, and a report without pictures loads no model."""
    run = folder(history_csv=GAN_HISTORY)
    images.save_gif(run / "samples" / "progress.gif", [np.zeros((8, 8), np.uint8)] * 2)
    said = words(write_report([run], pictures=False))
    assert "After each epoch of the training, from the same noise or the same examples." in said


# Runs side by side.


def both(folder, **changes):
    first = folder("one", history_csv=GAN_HISTORY, evaluation_json=json.dumps(evaluation()))
    second = folder("two", history_csv=VAE_HISTORY + "3,30,3.0,7.0,5.5,4.0\n", **changes)
    return words(write_report([first, second], pictures=False))


def test_alike_measured_figures_stand_side_by_side(folder):
    other = evaluation(metrics={"fd": score(23.456, 22, 24, 0.789, protocol(interval="bootstrap"))})
    said = both(folder, evaluation_json=json.dumps(other))
    assert "metric one two one − two real images" in said
    assert "fd, lower is better 12.35 11.5 … 13.25 23.46 22 … 24 -11.1 -12.1 … -9.4 * one is better 0.789" in said
    assert "kid, lower is better -0.00123 -0.002 … 0.0005 – – 0.0001" in said
    assert "cannot be compared" not in said


def test_a_floor_that_is_not_of_real_images_is_named(folder):
    stated = {**protocol(), "parameters": {"floor": "bicubic"}}
    changed = json.dumps(evaluation(metrics={"psnr": score(18.0, 17, 19, 15.5, stated)}))
    one = folder("one", history_csv=GAN_HISTORY, evaluation_json=changed)
    assert "psnr 18 17 … 19 15.5 bicubic" in words(write_report([one], pictures=False))
    two = folder("two", history_csv=GAN_HISTORY, evaluation_json=changed)
    assert "15.5 (bicubic)" in words(write_report([one, two], pictures=False))


def test_figures_of_different_protocols_are_not_compared(folder):
    other = {name: score(98765.0, stated=protocol(count=77, interval="bootstrap")) for name in ("fd", "kid")}
    said = both(folder, evaluation_json=json.dumps(evaluation(metrics=other)))
    refused = "one and two were measured by different protocols and cannot be compared: fake.count is 100 and 77"
    assert f"fd, kid {refused}; evaluate both alike" in said
    assert "98765" not in said and "12.35" not in said, "no figure of a refused row"
    assert "active_units 7 – – –" in said


def compared(folder, **runs):
    """What the page says of runs, each (FD, its replicates, smallest_class), whose own intervals are wide."""
    made = []
    for name, (fd, replicates, smallest) in runs.items():
        scores = {"fd": score(fd, fd - 9, fd + 9), "smallest_class": score(smallest, smallest - 0.1, smallest + 0.1)}
        text = json.dumps(evaluation(metrics=scores, replicates={"fd": replicates} if replicates else {}))
        made.append(folder(name, history_csv=GAN_HISTORY, evaluation_json=text))
    return words(write_report(made, pictures=False)).partition("Protocol of")[0]


REAL = [4.0, -4.0, 3.0, -3.0]


def test_two_runs_differ_by_a_paired_interval(folder):
    said = compared(folder, one=(11.0, [4.1, -4.1, 3, -3], 0.1), two=(12.0, REAL, 0.1))
    # 2.776 sqrt(0.005) = 0.196
    assert "11 2 … 20 12 3 … 21 -1.00 -1.20 … -0.80 one is better" in said
    assert "smallest_class 0.1 0 … 0.2 0.1 0 … 0.2 +0.00 -0.14 … +0.14 * within the error" in said
    assert "Marked *: unpaired" in said
    said = compared(folder, one=(12.1, [4.1, -4.1, 3, -3], 0.1), two=(12.0, REAL, 0.9))
    assert "+0.10 -0.10 … +0.30 within the error" in said and "-0.80 -0.94 … -0.66 * beyond the error" in said


def test_several_runs_are_compared_with_the_best(folder):
    said = compared(
        folder, a=(13.0, REAL, 0.1), b=(12.1, [4.1, -4.1, 3, -3], 0.1), c=(12.0, REAL, 0.1), d=(12.2, [], 0.1)
    )
    assert "12.1 3.1 … 21.1 +0.10 to the best -0.10 … +0.30 within the error of the best 12 3 … 21 best" in said
    assert "13 4 … 22 +1.0000 to the best +1.0000 … +1.0000 12.1" in said
    assert "12.2 3.2 … 21.2 +0 to the best -13 … +13 * within the error of the best" in said
    assert "smallest_class 0.1 0 … 0.2 0.1 0 … 0.2" in said, "neither high nor low is better"


def test_folders_need_no_flag(folder, capsys):
    one, two = folder("one", history_csv=GAN_HISTORY), folder("two", history_csv=GAN_HISTORY)
    assert report(one, two, f"--out={one.parent / 'page.html'}", "--nopictures") == 0
    assert "2 runs compared · tfgen 2 runs compared one, two" in words(one.parent / "page.html")
    assert report(f"--run={one}", "--nopictures", two) == 0
    assert capsys.readouterr().out.endswith(f"{one.parent / 'comparison.html'}\n")
    assert report("none", "--nopictures") == 2 and "there is no folder none" in capsys.readouterr().err


def test_a_run_without_scores_is_told_how_to_get_them(folder):
    said = both(folder)
    assert "two No evaluation.json here. To measure how good the run is: python -m tfgen.evaluate --run=" in said
    assert "12.35" in said


def test_runs_show_what_differs_and_share_their_charts(pages):
    said = words(pages["both"])
    assert "2 runs compared" in said and "model vae cgan" in said and "options.units 8 –" in said
    assert "batch_size" not in said.partition("Scores")[0], "what is the same is left out"
    labels = [found.get("aria-label", "") for found in read(pages["both"]).all("svg")]
    assert not [label for label in labels if "discriminator_loss" in label], "one run alone has it"
    assert drawn(pages["both"], "30 samples of cgan").shape == (10 * 18 + 2, 3 * 18 + 2)


def test_a_setting_in_another_spelling_does_not_differ(folder):
    one, two = folder("one", history_csv=GAN_HISTORY), folder("two", history_csv=GAN_HISTORY)
    for run, options in (
        (one, {"width": 4, "units": [8, 8], "prior": "uniform(-1, 1)"}),
        (two, {"width": "4", "units": "8,8", "prior": "uniform(-1,2)"}),
    ):
        record = json.loads((run / "recipe.json").read_text())
        (run / "recipe.json").write_text(json.dumps({**record, "recipe": {**record["recipe"], "options": options}}))
    said = words(write_report([one, two], pictures=False))
    assert "options.prior uniform(-1, 1) uniform(-1,2)" in said
    assert "options.width" not in said and "options.units" not in said


def test_shared_columns_are_overlaid(folder):
    first, second = (
        folder("one", history_csv=GAN_HISTORY),
        folder("two", history_csv=GAN_HISTORY.replace("0.25", "0.125")),
    )
    page = read(write_report([first, second], pictures=False))
    labels = [found.get("aria-label", "") for found in page.all("svg")]
    assert "Line chart: fake_score: D(G(z)). one from 0.25 to 0.5; two from 0.125 to 0.5" in labels


# What is damaged or missing.


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("evaluation_json", "{", "evaluation.json is damaged: it is not JSON"),
        ("evaluation_json", "[]", "expected an object with metrics; evaluate anew"),
        ("evaluation_json", '{"metrics": {"fd": 3}}', "'fd' needs value, low, high, floor and protocol"),
        ("evaluation_json", '{"metrics": {"fd": {"value": "3"}}}', "'fd' needs value"),
        ("evaluation_json", b"\xff\xfe", "evaluation.json is damaged: it is not JSON"),
        ("history_csv", "epoch,step,loss\n1,10,0.5\n2,20\n", "history.csv is damaged: line 3 is not a row of 3"),
        ("history_csv", "epoch,step,loss\n1,10,low\n", "line 2 is not a row of 3 numbers"),
        ("history_csv", "", "expected a first line with a column step"),
        ("history_csv", b"\xff\xfe\x00", "history.csv is damaged: expected a table of numbers"),
        ("history_csv", "step,loss\n,0.5\n", "a row has no step"),
        ("diagnosis_csv", "loss\n0.5\n", "diagnosis.csv is damaged"),
        ("diagnosis_json", '[{"step": 3}]', "expected a list of findings with step, name and message"),
        ("nearest_png", b"\x89PNG\r\n\x1a\n", "nearest.png is damaged"),
    ],
)
def test_a_damaged_file_is_left_out_and_said(folder, capsys, file, content, sentence):
    run = folder(**{file: content})
    assert report(f"--run={run}", "--nopictures") == 0
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and error.startswith("left out of the report of run: ")
    assert "Left out: " in words(run / "report.html")


def test_odd_parts_of_an_evaluation_are_passed_over(folder, capsys):
    odd = evaluation(
        details={"class_histogram": {"samples": ["a"]}, "fd_per_class": [1], "mode_counts": "many"},
        controls={"real": {"fd": "low"}},
        subject="me",
        metrics={"fd": score(1.0, stated={"real": 3, "extractor": None})},
    )
    run = folder(evaluation_json=json.dumps(odd))
    assert report(f"--run={run}", "--nopictures") == 0 and capsys.readouterr().err == ""
    said = words(run / "report.html")
    assert "fd, lower is better 1 –" in said and "Controls" not in said


@pytest.mark.parametrize("said", [[], None, 3, ["312 of 2,000 samples are copies of <training> images"]])
def test_samples_that_cheat_are_named_above_the_scores(folder, said):
    text = words(write_report([folder(evaluation_json=json.dumps(evaluation(findings=said)))], pictures=False))
    shown = "The scores mean little here: 312 of 2,000 samples are copies of <training> images"
    assert ("The scores mean little" in text, shown in text) == (said != [] and isinstance(said, list),) * 2


def test_samples_that_cheat_are_named_where_runs_are_compared(folder, tmp_path):
    told = ["312 of 2,000 samples are copies of <training> images"]
    runs = [folder(f"run{i}", evaluation_json=json.dumps(evaluation(findings=f))) for i, f in enumerate((told, []))]
    text = words(write_report(runs, tmp_path / "both.html", pictures=False))
    assert text.count("The scores mean little here: 312 of 2,000 samples are copies of <training> images") == 1


def test_what_an_evaluation_says_of_its_scores_is_shown(folder, capsys):
    told = {"warnings": ["60 samples are few <b>"], "notes": ["scores of classes are left out: others"]}
    run = folder(evaluation_json=json.dumps(evaluation(details=told)))
    assert report(f"--run={run}", "--nopictures") == 0
    said = words(run / "report.html")
    assert "60 samples are few" in said and "scores of classes are left out: others" in said
    assert "few &lt;b&gt;" in (run / "report.html").read_text(), "what a file says is no markup"


def test_classes_that_the_data_do_not_have_are_not_drawn(folder, capsys):
    for number, drawn in ((37, False), (3, True)):
        counted = {"class_histogram": {"samples": [1 / number] * number, "real": [1 / number] * number}}
        run = folder(f"run{number}", LABELLED, evaluation_json=json.dumps(evaluation(details=counted)))
        assert report(f"--run={run}", "--nopictures") == 0
        assert ("Classes, as the classifier sees them" in words(run / "report.html")) == drawn


def test_a_model_that_is_missing_is_said(folder, capsys):
    run = folder(history_csv=GAN_HISTORY)
    assert report(f"--run={run}") == 0
    assert "neither trainer.keras nor a checkpoint yet: train it first" in words(run / "report.html")
    assert "neither trainer.keras nor" in capsys.readouterr().err


@pytest.mark.parametrize("harm", ["cut", "bits", "class"])
def test_a_damaged_model_is_said_once(folder, runs, capsys, harm):
    run = folder(history_csv=GAN_HISTORY)
    (run / "models").mkdir()
    whole = (runs / "vae" / "models" / "trainer.keras").read_bytes()
    harmed = {"cut": whole[: len(whole) // 2], "bits": flipped(whole), "class": renamed(whole)}[harm]
    (run / "models" / "trainer.keras").write_bytes(harmed)
    assert report(f"--run={run}") == 0
    assert words(run / "report.html").count("cannot load") == 1
    assert "Line chart: Losses" in (run / "report.html").read_text() and capsys.readouterr().err.count("\n") == 1


def flipped(content):
    """The bytes with the middle hundred inverted."""
    middle = len(content) // 2
    return (
        content[: middle - 50]
        + bytes(255 - byte for byte in content[middle - 50 : middle + 50])
        + content[middle + 50 :]
    )


def renamed(content):
    """A .keras file of a class that there is not."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"VariationalModel", b"NoSuchModel"))
    return packed.getvalue()


def test_missing_data_cost_the_reconstructions_alone(runs, tmp_path):
    record = json.loads((runs / "vae" / "recipe.json").read_text())
    record["recipe"]["dataset"] = f"npz:{tmp_path / 'gone.npz'}"
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "recipe.json").write_text(json.dumps(record))
    (tmp_path / "moved" / "models").symlink_to(runs / "vae" / "models")
    said = []
    page = write_report([tmp_path / "moved"], say=said.append)
    assert len(said) == 1 and "gone.npz" in said[0]
    assert len(read(page).all("img")) == 2 and "gone.npz" in words(page)


# Charts and markup.


def test_text_is_escaped_once_and_markup_is_kept():
    assert element("p", "a < b & c", element("b", "<i>"), None, ["x", 3]) == (
        "<p>a &lt; b &amp; c<b>&lt;i&gt;</b>x3</p>"
    )
    assert element("img", src='"x"', alt="", hidden=True, title=None) == '<img src="&quot;x&quot;" alt="" hidden>'
    assert element("td", "x", class_="a", aria_label="b") == '<td class="a" aria-label="b">x</td>'
    assert joined("half of a name: \udcff") == "half of a name: ?"
    assert folded("<", "x", open_=True) == "<details open><summary>&lt;</summary>x</details>"
    cells = table(["<"], [["a", element("td", "b", colspan=2)]])
    assert '<th scope="col">&lt;</th>' in cells and '<th scope="row">a</th><td colspan="2">b</td>' in cells


def test_axes_end_at_round_numbers():
    assert [nice_step(span) for span in (1, 4.9, 12, 0.03)] == pytest.approx([0.2, 1, 5, 0.01])
    assert Axis(0.13, 0.87).ticks == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Axis(3, 17, tight=True).ticks == pytest.approx([5, 10, 15])
    assert Axis(0.02, 300, log=True).ticks == pytest.approx([0.01, 0.1, 1, 10, 100, 1000])
    assert Axis(0.02, 300, log=True).fraction(1.0) == pytest.approx(0.4)
    for same in (0.0, 5.0, -3.0):
        assert 0 < Axis(same, same).fraction(same) < 1


def test_a_line_goes_where_the_numbers_say():
    chart = line_chart("T", [Series("a", [0, 5, 10], [0.0, math.nan, 1.0])], low=0.0, high=1.0)
    frame = Frame(Axis(0, 10, tight=True), Axis(0.0, 1.0))
    (points,) = re.findall(r'points="([^"]+)"', chart)
    assert points == f"{frame.left},{frame.bottom} {frame.right},10", "what is not finite is left out"
    assert frame.x(5) == (frame.left + frame.right) / 2
    assert line_chart("T", [Series("a", [0, 1], [math.nan, math.inf])]) is None
    marked = line_chart("T", [Series("a", [0, 10], [0.2, 0.8])], low=0.0, high=1.0, mark=(0.5, "half"))
    assert f'y1="{frame.y(0.5)}"' in marked and frame.y(0.5) == (10 + frame.bottom) / 2


def test_a_network_has_one_colour_in_all_charts():
    networks = ["discriminator", "generator"]
    assert curves.colours(["generator_loss"], networks) == {"generator_loss": 1}
    assert curves.colours(["discriminator_loss", "generator_loss"], networks) == {
        "discriminator_loss": 0,
        "generator_loss": 1,
    }
    assert curves.colours(["generator_gradient", "discriminator_gradient"], networks)["generator_gradient"] == 1
    # those of no network have others, and so has the second line of a network in one chart
    mixed = ["real_score", "generator_loss", "generator_penalty", "generators"]
    assert list(curves.colours(mixed, networks).values()) == [2, 1, 3, 4]
    assert curves.colours(["a", "b"], []) == {"a": 0, "b": 1}
    columns = {"step": [0, 1], "real_score": [1.0, 2.0], "generator_loss": [1.0, 2.0]}
    plan = Plan("T", {"real_score": "D(x)", "generator_loss": "generator"}, "history")
    chart = curves.drawn(columns, plan, networks)
    assert re.findall(r'points="[^"]+" class="line (c\d)', chart) == ["c2", "c1"]
    assert re.findall(r'y2="5" class="line (c\d)', chart) == ["c2", "c1"], "as in the legend"
    assert re.findall(r'points="[^"]+" class="line c\d (d\d)', chart) == ["d0", "d1"], "dashes by the place"


def test_thinning_keeps_every_peak():
    y = [0.0] * 5000
    y[1234], y[4321] = 9.0, -9.0
    x, kept = thinned(list(range(5000)), y)
    assert len(x) <= 402 and (x[0], x[-1]) == (0, 4999)
    assert kept[x.index(1234)] == 9.0 and kept[x.index(4321)] == -9.0
    assert thinned([1, 2], [3, 4]) == ([1, 2], [3, 4])


def test_bars_are_as_long_as_their_values():
    chart = bar_chart("B", ["one", "a name that is much too long"], {"x": [1.0, 4.0], "y": [2.0, 0.0]})
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', chart)]
    assert np.array(widths) / widths[2] == pytest.approx([0.25, 0.5, 1.0, 0.0], abs=0.01)
    left = float(re.search(r'<rect [^>]*x="([\d.]+)"', chart).group(1))
    assert left + widths[2] == pytest.approx(360 - 52, abs=0.2), "the longest takes what the names and its figure leave"
    assert "a name that is mu…" in chart
    many = bar_chart("B", list(map(str, range(50))), {"x": [1.0] * 50})
    assert many.count("<rect") == 40 and "The first 40 of 50." in many


def test_dots_lie_where_the_points_do():
    chart = scatter("S", [[0.0, 0.0], [1.0, 1.0], [99.0, math.nan]], [(0, 0, 1.0)])
    (dots,) = re.findall(r'd="([^"]+)"', chart)
    per_unit = 360 / (1.15 * 2)
    corner = round(180 + per_unit, 1), round(180 - per_unit, 1)
    assert dots == f"M180 180h0M{corner[0]:g} {corner[1]:g}h0", "y grows upwards"


def test_numbers_are_short():
    shown = {
        0.0123456: "0.0123",
        12.3456: "12.35",
        1234.0: "1234",
        150000: "150k",
        2.5e6: "2.5M",
        -0.0: "0",
        1e-9: "1e-09",
    }
    assert {value: short(value) for value in shown} == shown
    assert short(math.nan) == "nan"
