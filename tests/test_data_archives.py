"""npz and IDX files as damage or an attacker leaves them: one sentence each, before memory is taken."""

import bz2
import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from tfgen.data import load_dataset, npz
from tfgen.data.source import empty, machine_memory
from tfgen.errors import UserError
from tfgen.evaluation.files import read_samples
from tfgen.runs.sampling import read_conditions

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)


def npy(array=IMAGES, shape=None, dtype=None, order=False):
    """The bytes of an .npy file, with another shape or dtype in its header where given."""
    stream = io.BytesIO()
    described = {"descr": dtype or array.dtype.str, "fortran_order": order, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue() + array.tobytes()


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def refused(path, message):
    with pytest.raises(UserError, match=message) as caught:
        load_dataset(f"npz:{path}")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_damaged_byte_is_said_or_harmless(tmp_path, compression):
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy()}, compression)
    sound = path.read_bytes()
    random = np.random.default_rng(1)
    for place in sorted({*range(0, 60), *random.integers(0, len(sound), 120), *range(len(sound) - 60, len(sound))}):
        damaged = bytearray(sound)
        damaged[place] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        try:
            arrays = npz.read(path)
        except UserError:
            continue
        for array in arrays.values():  # what is read is what was written: the checksum fits
            np.testing.assert_array_equal(array, IMAGES)
    for length in {0, 1, 30, len(sound) // 2, len(sound) - 1}:
        path.write_bytes(sound[:length])
        refused(path, "expected a NumPy .npz file, got a damaged or another one")


HEADERS = {
    "elements": (npy(shape=(10**12,)), "truncated: its header promises 1000000000000 bytes"),
    "overflow": (npy(shape=(2**32, 2**32)), "truncated: its header promises 18446744073709551616 bytes"),
    "negative": (npy(shape=(-40, 4, -4)), "damaged: its header promises 640 bytes|damaged"),
    "fewer": (npy(shape=(39, 4, 4)), "damaged: its header promises 624 bytes, and it holds 640"),
    "objects": (npy(np.zeros(1, np.int64), dtype="|O"), "holds Python objects, which are not read"),
    "magic": (b"\x93NUMPX\x01\x00" + npy()[8:], "got a damaged or another one"),
    "version": (b"\x93NUMPY\x09\x00" + npy()[8:], r"version \(9, 0\)"),
    "no header": (b"\x93NUMPY\x01\x00", "got a damaged or another one"),
    "nonsense": (b"\x93NUMPY\x01\x00\x40\x00" + b"(" * 64, "got a damaged or another one"),
    "code": (
        b"\x93NUMPY\x01\x00\x40\x00" + b"__import__('os').system('exit')".ljust(64),
        "got a damaged or another one",
    ),
    "empty": (b"", "got a damaged or another one"),
    "text": (npy(np.array(["a", "b"])), "expected images"),
    "complex": (npy(np.zeros((4, 4, 4), complex)), "expected uint8,? or float"),
    "scalar": (npy(np.uint8(4), shape=()), "expected images"),
    "dates": (npy(np.zeros((4, 4, 4), "M8[s]")), "expected uint8,? or float"),
    "records": (npy(np.zeros(4, [("a", "u1"), ("b", "f4")]), dtype=[("a", "u1"), ("b", "<f4")]), "expected images"),
}


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_headers_that_lie(tmp_path, kind, compression):
    content, message = HEADERS[kind]
    refused(archive(tmp_path / "a.npz", {"x_train.npy": content}, compression), message)


def patched(path, name, **values):
    """Overwrites sizes and flags of the first member in both of the archive's headers."""
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\1\2")
    places = {"flags": (8, 6, "<H"), "method": (10, 8, "<H"), "packed": (20, 18, "<I"), "size": (24, 22, "<I")}
    for key, value in values.items():
        central, local, form = places[key]
        struct.pack_into(form, content, directory + central, value)
        struct.pack_into(form, content, local, value)
    path.write_bytes(content)
    return path


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    content = npy(np.zeros(0, np.uint8), shape=(4_000_000_000,))
    path = archive(tmp_path / "a.npz", {"x_train.npy": content}, zipfile.ZIP_DEFLATED)
    refused(patched(path, "x_train.npy", size=4_000_000_000 + len(content)), "cannot unpack to 4000000")
    path = archive(tmp_path / "b.npz", {"x_train.npy": content})
    refused(patched(path, "x_train.npy", size=4_000_000_000 + len(content)), "it holds .* bytes instead of 4000000")


def test_encrypted_and_unknown_members(tmp_path):
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy()})
    refused(patched(path, "x_train.npy", flags=1), "encrypted, password required")
    path = archive(tmp_path / "b.npz", {"x_train.npy": npy()})
    refused(patched(path, "x_train.npy", method=97), "compression method is not supported|compression type 97")


def test_names_of_members_lead_nowhere(tmp_path):
    labels = npy(np.arange(40))
    path = archive(tmp_path / "a.npz", {"x_train.npy": npy(), "../y_train.npy": labels, "/etc/z.npy": labels})
    refused(path, r"names of fields of letters, digits and _, got '../y'")
    path = archive(tmp_path / "b.npz", {"x_train.npy": npy(), "/etc/passwd.npy": labels, "readme.txt": b"x"})
    assert list(load_dataset(f"npz:{path}").fields) == ["image"] and len(list(tmp_path.iterdir())) == 2


def test_an_array_larger_than_the_machine_is_said():
    with pytest.raises(UserError, match="GiB does not fit into the memory of this machine"):
        empty((int(machine_memory()) + 1,), np.uint8)
    with pytest.raises(UserError, match="does not fit"):
        empty((2**40, 2**40), np.float32)


def idx(shape, data=b"", kind=8):
    return bytes([0, 0, kind, len(shape)]) + b"".join(side.to_bytes(4, "big") for side in shape) + data


FILES = {
    "huge": (idx((2**32 - 1,) * 3), "truncated: its header promises"),
    "huge, packed": (gzip.compress(idx((2**31, 64, 64))), "truncated: its header promises"),
    "zero and huge": (idx((0, 2**32 - 1, 2**32 - 1)), "got a damaged one|expected"),
    "no images": (idx((0, 28, 28)), "expected at least 2 training images"),
    "no pixels": (idx((9, 0, 28)), "at least 1x1 pixel"),
    "no sides": (bytes([0, 0, 8, 0]), "expected an IDX file"),
    "two bytes": (b"\0\0", "expected an IDX file, got one that begins with 0000"),
    "gzip of nothing": (gzip.compress(b""), "begins with nothing"),
    "gzip cut": (gzip.compress(idx((9, 4, 4), bytes(144)))[:-9], "expected a whole gzip file, got a damaged one"),
    "gzip magic alone": (b"\x1f\x8b", "expected a whole gzip file, got a damaged one"),
    "gzip method": (b"\x1f\x8b\x07" + bytes(20), "expected a whole gzip file, got a damaged one"),
    "bzip2": (bz2.compress(idx((9, 4, 4), bytes(144))), "expected an IDX file, got one that begins with 425a"),
}


@pytest.mark.parametrize("kind", FILES)
def test_damaged_idx_files(tmp_path, kind):
    content, message = FILES[kind]
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_dataset(f"idx:{tmp_path}")


def test_every_damaged_byte_of_a_gzip_file_is_said_or_harmless(tmp_path):
    sound = gzip.compress(idx(IMAGES.shape, IMAGES.tobytes()), mtime=0)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for place in {*range(30), *range(30, len(sound), 7), *range(len(sound) - 12, len(sound))}:
        damaged = bytearray(sound)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            source = load_dataset(f"idx:{tmp_path}")
        except UserError:
            continue
        np.testing.assert_array_equal(source.splits["train"].arrays["image"][..., 0], IMAGES)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"points": np.array([["a", "b"]])}, "expected points as numbers"),
        ({"points": np.zeros((3, 2), complex)}, "expected points as numbers"),
        ({"points": np.full((3, 2), np.nan)}, "expected finite points"),
        ({"images": np.array(["a"])}, "expected images"),
        ({"images": IMAGES, "labels": np.zeros((40, 3))}, "one-hot|expected integers"),
        ({"images": IMAGES, "labels": np.arange(39)}, "as many labels as images"),
        ({"image": IMAGES}, "expected an array 'images', got image"),
    ],
)
def test_files_of_samples_are_read_as_if_anybody_had_written_them(tmp_path, arrays, message):
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(UserError, match=message):
        read_samples(tmp_path / "s.npz")


@pytest.mark.parametrize("path", ["~nosuchuser/a.npz", "a\0.npz", "none.npz"])
def test_paths_of_samples_and_conditions(path):
    for read in (read_samples, read_conditions):
        with pytest.raises(UserError, match="^--(samples|conditions): "):
            read(path)
