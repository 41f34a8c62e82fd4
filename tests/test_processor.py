"""What tfgen asks of the processor, and what it has TensorFlow do on it."""

import os
import subprocess
import sys

import pytest

from tfgen.machine import processor

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def test_the_flags_are_those_of_the_first_processor(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: A\nflags\t\t: fpu avx2 fma\n\nprocessor\t: 1\nflags: x\n")
    assert processor.cpu_flags(file) == {"fpu", "avx2", "fma"}


def test_no_list_of_flags_is_none_of_them(tmp_path):
    assert processor.cpu_flags(tmp_path / "none") == set()
    (tmp_path / "arm").write_text("processor : 0\nFeatures : fp asimd bf16\n")
    assert processor.cpu_flags(tmp_path / "arm") == set()


@pytest.mark.parametrize(
    ("flags", "before", "after"),
    [({"avx2"}, None, "1"), ({"avx2"}, "0", "0"), ({"sse4_2"}, None, None), (set(), None, None)],
)
def test_onednn_is_preferred_where_it_is_faster_and_the_user_has_not_said_otherwise(monkeypatch, flags, before, after):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(os, "environ", {} if before is None else {VARIABLE: before})
    processor.prefer_onednn(flags)
    assert os.environ.get(VARIABLE) == after


def test_a_tensorflow_that_is_loaded_has_read_the_variable_already(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr(os, "environ", {})
    processor.prefer_onednn({"avx2"})
    assert VARIABLE not in os.environ


@pytest.mark.slow
@pytest.mark.skipif("avx2" not in processor.cpu_flags(), reason="this processor has no AVX2")
@pytest.mark.parametrize(("said", "used"), [({}, True), ({VARIABLE: "0"}, False)])
def test_commands_have_tensorflow_use_it(said, used):
    """Asked of TensorFlow itself, with a plugin that imports it as early as it can be."""
    code = (
        "from tfgen.run import COMMAND; COMMAND(['--plugin=tensorflow', '--list_models'])\n"
        "from tensorflow.python.util import _pywrap_util_port as port; print(port.IsMklEnabled())"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | said
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.endswith(f"{used}\n"), done.stderr
