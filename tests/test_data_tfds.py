"""TensorFlow Datasets: real small sets prepared on disk, and the known ones with TFDS's own mock."""

import http.server
import importlib
import socket
import threading
import time

import numpy as np
import pytest

from tfgen.data import downloads, load_dataset, step_indexed, tfds
from tfgen.errors import UserError
from tfgen.run import COMMAND

library = tfds._import_tfds()
DOWNLOADER = importlib.import_module("tensorflow_datasets.core.download.downloader")

pytestmark = pytest.mark.filterwarnings("ignore:::tensorflow_datasets", "ignore:::etils", "ignore:::google")


def images(count, shape):
    """Images that hold their number."""
    return np.arange(count, dtype=np.uint8).reshape(-1, *(1,) * len(shape)) * np.ones(shape, np.uint8)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with the set `tiny`, its twin `tiny_records` without random access, `sized` (mixed sizes), `numbers`."""
    folder = tmp_path_factory.mktemp("tfds")
    picture = library.features.Image(shape=(8, 6, 3), encoding_format="png")
    labelled = {"image": picture, "label": library.features.ClassLabel(names=["ant", "bee"])}
    rows = [{"image": image, "label": int(number) % 2} for number, image in enumerate(images(40, (8, 6, 3)))]
    for name, kind in {"tiny": "array_record", "tiny_records": "tfrecord"}.items():
        store(folder, name, kind, labelled, {"train": rows, "test": rows[:6]})
    free = {"image": library.features.Image(shape=(None, None, 1), encoding_format="png")}
    mixed = [{"image": np.full((5 + number, 9, 1), number, np.uint8)} for number in range(6)]
    store(folder, "sized", "array_record", free, {"train": mixed})
    store(folder, "numbers", "array_record", {"value": np.int64}, {"train": [{"value": 1}, {"value": 2}]})
    return folder


def store(folder, name, kind, features, splits):
    library.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        data_dir=str(folder),
        features=library.features.FeaturesDict(features),
        split_datasets={split: enumerate(rows) for split, rows in splits.items()},
        file_format=kind,
        disable_shuffling=True,
    )


@pytest.mark.parametrize("name", ["tiny", "tiny_records"])
def test_a_prepared_set(prepared, name):
    source = load_dataset(f"tfds:{name}", data_dir=prepared)
    assert {split: len(part) for split, part in source.splits.items()} == {"train": 38, "validation": 2, "test": 6}
    assert source.class_names == ["ant", "bee"] and source.num_classes == 2
    arrays = source.splits["train"].arrays
    np.testing.assert_array_equal(arrays["image"], images(40, (8, 6, 3)))
    np.testing.assert_array_equal(arrays["label"], np.arange(40) % 2)
    assert source.provenance["source"] == f"tfds:{name}/1.0.0" and len(source.provenance["sha256"]["train"]) == 64


def test_streaming_gives_what_memory_gives(prepared):
    sources = [tfds.load("tiny", data_dir=prepared, image_size=(4, 4), memory_limit=limit) for limit in (10, 10**9)]
    assert [hasattr(source.splits["train"], "arrays") for source in sources] == [False, True]
    options = {"batch_size": 4, "seed": 1, "position": 3, "batches": 9}
    batches = zip(*(step_indexed(source.splits["train"], **options) for source in sources), strict=True)
    for one, other in batches:
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["label"], other["label"])
        assert one["image"].shape == (4, 4, 4, 3)


def test_streaming_needs_random_access(prepared):
    with pytest.raises(UserError, match="in a format without random access: give an empty --data_dir"):
        tfds.load("tiny_records", data_dir=prepared, memory_limit=10)


def test_mixed_sizes_need_image_size(prepared):
    with pytest.raises(UserError, match="tfds:sized: its images differ in size: give --image_size"):
        load_dataset("tfds:sized", data_dir=prepared)
    source = load_dataset("tfds:sized", data_dir=prepared, image_size=4)
    assert source.fields["image"].shape == (4, 4, 1) and source.num_classes is None
    np.testing.assert_array_equal(source.splits["train"].arrays["image"][:, 0, 0, 0], np.arange(6))


def test_a_set_without_images(prepared):
    with pytest.raises(UserError, match="tfds:numbers: expected a feature 'image', got value"):
        load_dataset("tfds:numbers", data_dir=prepared)


def test_unknown_names_suggest_the_nearest(tmp_path):
    with pytest.raises(UserError, match="tfds:mnits: TensorFlow Datasets has no such set; did you mean 'mnist'"):
        load_dataset("tfds:mnits", data_dir=tmp_path)


def test_a_failed_download_is_said(tmp_path, monkeypatch):
    def fail(self, **_):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(library.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(
        UserError, match=r"tfds:mnist: cannot be downloaded .* \(ConnectionError: no route\): give the folder of a copy"
    ):
        load_dataset("mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name, shape, classes",
    [("mnist", (28, 28, 1), 10), ("cifar10", (32, 32, 3), 10), ("celeb_a", (64, 64, 3), None)],
)
def test_known_sets(tmp_path, name, shape, classes):
    with library.testing.mock_data(num_examples=20):
        source = load_dataset(name, data_dir=tmp_path)
    assert source.fields["image"].shape == shape and source.num_classes == classes
    assert (source.class_names is None) == (classes is None)
    assert [len(source.splits[split]) for split in ("train", "validation", "test")] == [19, 1, 20]


def test_cifar10_as_a_numpy_file(tmp_path):
    arrays = {"x_train": images(20, (32, 32, 3)), "y_train": np.arange(20)[:, None] % 10}
    np.savez(tmp_path / "cifar10.npz", **arrays)
    source = load_dataset("cifar10", data_dir=tmp_path)
    assert source.num_classes == 10 and source.class_names[9] == "truck"


@pytest.fixture
def offline(monkeypatch):
    """No name of a host is found, and a test that waits for a network fails by its time."""
    monkeypatch.setattr(DOWNLOADER, "MAX_RETRIES", 10)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def nowhere(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 30  # 208 seconds with TFDS's own retries; a busy machine included


def test_offline_is_said_at_once(tmp_path, offline, capfd, caplog):
    for name in ("tfds:mnist", "cifar10"):
        with pytest.raises(
            UserError, match=r"the host .* is not found: there is no network.*by --data_dir, or try again"
        ):
            load_dataset(name, data_dir=tmp_path)
    assert capfd.readouterr().err == "" and not caplog.text
    assert DOWNLOADER.MAX_RETRIES == 10, "TFDS is left as it was"


@pytest.mark.parametrize(
    "name, message",
    [
        ("mnist:9.9.9", "cannot be loaded at version 9.9.9, only: 3.0.1"),
        ("mnist/nosuchconfig", "BuilderConfig nosuchconfig not found with version 3.0.1"),
        ("mnist/nosuchconfig:1.0.0", "nosuchconfig"),
        ("mnist/color=3", "unexpected keyword argument 'color'"),
        ("cifar10/:3.0.2", "Parsing builder name string"),
        ("nosuch", "has no such set"),
        ("mnits/config", "has no such set; did you mean 'mnist'"),
        ("/", "Parsing builder name string"),
        ("a:b:c", "Parsing builder name string"),
    ],
)
def test_wrong_names_are_said_at_once(tmp_path, offline, name, message):
    with pytest.raises(UserError, match=f"^tfds:{name}: .*{message}") as caught:
        load_dataset(f"tfds:{name}", data_dir=tmp_path)
    assert "builder_kwargs" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_dry_run_downloads_nothing(tmp_path, prepared, monkeypatch, capsys):
    monkeypatch.setattr(library.core.DatasetBuilder, "download_and_prepare", lambda self, **_: pytest.fail("downloads"))
    with pytest.raises(UserError, match="tfds:mnist: is not prepared in .* yet, and a dry run downloads nothing"):
        load_dataset("mnist", data_dir=tmp_path, download=False)
    with pytest.raises(UserError, match="a dry run downloads nothing"):
        load_dataset("stacked_mnist", data_dir=tmp_path, download=False)
    arguments = ["--model=dcgan", "--dataset=tfds:mnist", f"--data_dir={tmp_path}", "--dry_run"]
    assert COMMAND(arguments) == 2
    assert capsys.readouterr().err.startswith("tfgen run: tfds:mnist: is not prepared in ")


def test_what_is_prepared_needs_no_download(prepared, offline):
    assert len(load_dataset("tfds:tiny", data_dir=prepared, download=False).splits["test"]) == 6


def test_a_name_server_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(downloads, "_NAME_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: time.sleep(2))
    monkeypatch.setattr(downloads.urllib.request, "getproxies", dict)
    with pytest.raises(ConnectionError, match="the host data.example is not found"):
        downloads.check_host("https://data.example/a.gz")
    monkeypatch.setattr(downloads.urllib.request, "getproxies", lambda: {"https": "http://proxy:3128"})
    downloads.check_host("https://data.example/a.gz")  # the proxy looks it up


class _Partial(http.server.BaseHTTPRequestHandler):
    """Promises 1000 bytes, sends 10, and closes or falls silent."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"0123456789")
        self.wfile.flush()
        if self.path == "/silent":
            time.sleep(2)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("path, fault", [("cut", "IncompleteRead|broken"), ("silent", "timed out")])
def test_a_connection_that_breaks_off(tmp_path, monkeypatch, path, fault):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Partial)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(downloads, "_TIMEOUT", (2.0, 0.3))
    url = f"http://127.0.0.1:{server.server_port}/{path}"
    monkeypatch.setattr(library.core.DatasetBuilder, "download_and_prepare", lambda self, **_: fetch(url, tmp_path))
    try:
        with pytest.raises(UserError, match=f"tfds:mnist: cannot be downloaded and prepared in .*({fault})"):
            load_dataset("tfds:mnist", data_dir=tmp_path)
    finally:
        server.shutdown()
        server.server_close()


def fetch(url, folder):
    """Downloads as TFDS does."""
    with DOWNLOADER._open_url(url, verify=True) as (_, content):
        (folder / "part").write_bytes(b"".join(content))


def test_damaged_prepared_files_are_said(tmp_path):
    picture = library.features.Image(shape=(4, 4, 1), encoding_format="png")
    rows = [{"image": np.full((4, 4, 1), number, np.uint8)} for number in range(8)]
    store(tmp_path, "spoilt", "array_record", {"image": picture}, {"train": rows})
    for file in (tmp_path / "spoilt").rglob("*.array_record*"):
        size = file.stat().st_size
        file.write_bytes(file.read_bytes()[: size // 2] + bytes(size - size // 2))
    with pytest.raises(UserError, match="tfds:spoilt: .*(cannot be read|cannot be downloaded)"):
        load_dataset("tfds:spoilt", data_dir=tmp_path)
    for file in (tmp_path / "spoilt").rglob("dataset_info.json"):
        file.write_text("{")
    with pytest.raises(UserError, match="^tfds:spoilt: "):
        load_dataset("tfds:spoilt", data_dir=tmp_path)
