"""The code of README, of the pages in docs/, of their notebooks and of examples/ runs as it stands, in fresh folders.

The tests marked `docs` run everything: `pytest -m docs`. What makes a trial short and changes no recipe is the table in
`docs/pages.py` (`--steps=4`, fewer samples); examples take `--steps=4`.
"""

import base64
import http.server
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted(path.stem for path in (DOCS / "notebooks").glob("*.ipynb"))
TEXTS = sorted(path for path in ROOT.rglob("*.md") if not {".git", ".venv", "build"} & set(path.parts))

spec = importlib.util.spec_from_file_location("tfgen_pages", DOCS / "pages.py")
pages = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = pages  # where dataclasses look for it
spec.loader.exec_module(pages)

# The pages whose code runs here: those with Python in them. Some run as their notebooks, one in test_going_on.py.
WITH_CODE = sorted(path.stem for path in DOCS.glob("*.md") if "```python\n" in path.read_text(encoding="utf-8"))
NEED_MORE = {"distributed": "a cluster", "sampling": "a finished run and a million samples"}
RUN = [name for name in WITH_CODE if name not in NEED_MORE and name != "going_on"]
docs = [pytest.mark.slow, pytest.mark.docs]


def marked(function):
    """The function with the marks of the long tests of the documentation."""
    for mark in docs:
        function = mark(function)
    return function


def finished(command, folder, **more):
    """Runs a command in a folder, as a reader would, and returns what it printed."""
    fixed = {"MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3", "TFGEN_WAIT_SECONDS": "120"}
    environ = {**pages.environment(), **fixed, **more}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout


# Fast: texts, links, notebooks.

PAGE = """
Text.

```python
# my_file.py
x = 1
```

```python
import pathlib

import my_file

pathlib.Path("seen.txt").write_text(str(my_file.x))
steps = dict(steps=500)
```

```
echo $((1 + 1)) > two.txt      # a comment
python -c 'print("shell")' >> two.txt
```

<!-- not run -->
```
false
```

```text
not code
```

![A picture](pictures/two.png)
"""


def test_a_pages_blocks_run_in_order_in_one_namespace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    pages.run(page, quick=True)
    sys.modules.pop("my_file")
    assert (tmp_path / "seen.txt").read_text() == "1"
    assert (tmp_path / "two.txt").read_text() == "2\nshell\n"
    assert [block.kind for block in pages.blocks(PAGE)] == ["file", "python", "shell", "shown", "shown"]
    assert pages.pictures(PAGE) == ["two.png"]


def test_a_failing_block_fails_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for text, error in (("false\ntrue\n", subprocess.CalledProcessError), (None, ZeroDivisionError)):
        (tmp_path / "page.md").write_text(f"```\n{text}```\n" if text else "```python\n1 / 0\n```\n")
        with pytest.raises(error):
            pages.run(tmp_path / "page.md")


@pytest.mark.parametrize(
    "code,kind,made",
    [
        ("python -m tfgen.run --model=gan   # note\n", "shell", "python -m tfgen.run --model=gan --steps=4   # note\n"),
        (
            "python -m tfgen.launch --workers=2 -- python -m tfgen.run --model=gan\n",
            "shell",
            "python -m tfgen.launch --workers=2 -- python -m tfgen.run --model=gan --steps=4\n",
        ),
        ("pip install .\nls\n", "shell", "# pip install .\nls\n"),
        ("model.fit(x, epochs=20, verbose=0)", "python", "model.fit(x, epochs=1, steps_per_epoch=2, verbose=0)"),
        ("recipe.replace(steps=600)", "python", "recipe.replace(steps=4)"),
        ("Settings(num=400)", "python", "Settings(num=40)"),
        ("epochs=3\n", "file", "epochs=3\n"),
    ],
)
def test_small_settings_are_appended_or_take_the_place_of_large_ones(code, kind, made):
    assert pages.small(code, kind) == made


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_its_page(name):
    stored = (DOCS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert stored == pages.notebook(DOCS / f"{name}.md"), f"run: python docs/pages.py notebook docs/{name}.md"


def test_there_are_three_notebooks_and_five_pages_at_least():
    assert len(NOTEBOOKS) >= 3 and len(RUN) >= 5 and len(EXAMPLES) >= 5


def test_the_index_names_every_page_and_notebook_and_the_examples_every_program():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in DOCS.glob("*.md") if path.name != "README.md"]
    assert [name for name in [*names, *(f"notebooks/{n}.ipynb" for n in NOTEBOOKS)] if f"({name})" not in index] == []
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [name for name in EXAMPLES if f"examples/{name}" not in listed] == []


@pytest.mark.parametrize("path", TEXTS, ids=[str(path.relative_to(ROOT)) for path in TEXTS])
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    lost = [link for link in links if link and "://" not in link and not (path.parent / link).exists()]
    assert lost == []


def test_every_picture_of_a_page_is_shown_and_small():
    # as an HTML element stands what is drawn by code that takes too long to be run here
    texts = [path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")]
    shown = {name for text in texts for name in [*pages.pictures(text), *re.findall(r'src="pictures/([^"]+)"', text)]}
    stored = {path.name: path for path in (DOCS / "pictures").glob("*.png")}
    assert shown == set(stored)
    for name, path in stored.items():
        assert path.stat().st_size < 120_000, name
        with Image.open(path) as picture:
            picture.verify()


def test_every_example_says_what_it_shows_and_how_to_run_it():
    for name in EXAMPLES:
        text = (ROOT / "examples" / name).read_text(encoding="utf-8")
        assert text.startswith('"""') and f"python examples/{name}" in text.split('"""')[1]


# Long: everything runs.


@marked
def test_the_code_of_readme_runs_from_top_to_bottom(tmp_path):
    """The installation and the lines for developers apart: tests of packaging and CI run those."""
    finished(
        [sys.executable, str(DOCS / "pages.py"), "run", str(ROOT / "README.md"), "--quick", "--folder=."], tmp_path
    )
    assert (tmp_path / "samples.png").stat().st_size > 0
    assert (tmp_path / "runs" / "cgan-fashion_mnist_mini" / "evaluation.json").is_file()


@marked
@pytest.mark.parametrize("name", [name for name in RUN if name not in NOTEBOOKS])
def test_the_code_of_a_page_runs_and_makes_its_pictures(name, tmp_path):
    page = DOCS / f"{name}.md"
    finished([sys.executable, str(DOCS / "pages.py"), "run", str(page), "--quick", "--folder=."], tmp_path)
    check_pictures(page, tmp_path)


@marked
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_makes_its_pictures(name, tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    made = nbformat.reads(pages.notebook(DOCS / f"{name}.md"), as_version=4)
    for cell in made.cells:
        if cell.cell_type == "code":
            kind = {"%%bash": "shell", "%%writefile": "file"}.get(cell.source.split(" ")[0], "python")
            cell.source = pages.small(cell.source, kind).rstrip("\n")
    for key, value in {**pages.environment(), "TF_CPP_MIN_LOG_LEVEL": "3", "IPYTHONDIR": str(tmp_path / "i")}.items():
        monkeypatch.setenv(key, value)
    nbclient.NotebookClient(
        made, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    check_pictures(DOCS / f"{name}.md", tmp_path)


def check_pictures(page, folder):
    for name in pages.pictures(page.read_text(encoding="utf-8")):
        with Image.open(folder / name) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 1, name


@marked
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_shows_something(name, tmp_path):
    said = finished([sys.executable, str(ROOT / "examples" / name), "--steps=4"], tmp_path)
    assert len(said.splitlines()) >= 4, said


@marked
def test_the_models_and_data_of_the_examples_are_plugins(tmp_path):
    more = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples")])}
    run = [sys.executable, "-m", "tfgen.run", "--steps=4"]
    finished([*run, "--plugin=own_model", "--model=drift_gan", "--set=width=4"], tmp_path, **more)
    finished([*run, "--plugin=own_data", "--model=cgan", "--dataset=rings"], tmp_path, **more)
    made = sorted(path.parent.parent.name for path in tmp_path.glob("runs/*/models/generator.keras"))
    assert made == ["cgan-rings", "drift_gan-fashion_mnist_mini-width_4"]


class Predict(http.server.BaseHTTPRequestHandler):
    """TensorFlow Serving's `:predict` in its column format, for one exported model."""

    signatures: dict = {}

    def do_POST(self):
        import tensorflow as tf

        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = self.signatures[body["signature_name"]]
        specs = signature.structured_input_signature[1]
        made = signature(**{name: tf.constant(values, specs[name].dtype) for name, values in body["inputs"].items()})
        (output,) = made.values()  # of a single output the name is left out
        answer = json.dumps({"outputs": [{"b64": base64.b64encode(png).decode()} for png in output.numpy()]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@marked
def test_the_client_of_tensorflow_serving(tmp_path, monkeypatch):
    """Against a stand-in that speaks the REST format of TensorFlow Serving, which pip does not have."""
    import tensorflow as tf

    finished([sys.executable, "-m", "tfgen.run", "--model=cgan", "--steps=2", "--workdir=cgan"], tmp_path)
    handler = type("Cgan", (Predict,), {"signatures": tf.saved_model.load(str(tmp_path / "cgan/export/1")).signatures})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    text = (DOCS / "to_production.md").read_text(encoding="utf-8")
    (client,) = [block.code for block in pages.blocks(text) if block.kind == "shown" and "urllib" in block.code]
    assert len([line for line in client.splitlines() if line.strip()]) == 6
    monkeypatch.chdir(tmp_path)
    exec(client.replace("127.0.0.1:8501", f"127.0.0.1:{server.server_port}"), {})
    server.shutdown()
    server.server_close()
    thread.join()
    for number in range(2):
        with Image.open(tmp_path / f"served_{number}.png") as picture:
            assert picture.size == (28, 28)
