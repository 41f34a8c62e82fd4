"""How many frames of our own lie between the command and the tape: few enough to read a training from top to bottom."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST = 8

PLUGIN = """
import json
import os
import sys

import keras
import tfgen

OURS = os.path.dirname(tfgen.__file__) + os.sep


class Recording(tfgen.AdversarialModel):
    def generator_terms(self, batch, step):
        frame, found = sys._getframe(1), []
        while frame is not None:
            if frame.f_code.co_filename.startswith(OURS):
                found.insert(0, (frame.f_code.co_filename[len(OURS):], frame.f_code.co_qualname))
            frame = frame.f_back
        with open("frames.jsonl", "a") as file:
            file.write(json.dumps(found) + "\\n")
        return super().generator_terms(batch, step)


@tfgen.register_model("recording")
def build(fields, *, seed: int = 0):
    "A GAN that writes down the frames in which its terms are made."
    shape = fields["image"].shape
    latent, image = keras.Input([2], name="latent"), keras.Input(shape, name="image")
    pixels = shape[0] * shape[1] * shape[2]
    fake = keras.layers.Reshape(shape)(keras.layers.Dense(pixels, "tanh")(latent))
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    model = Recording(keras.Model(latent, fake), keras.Model(image, logit), latent_dim=2, seed=seed)
    model.compile()
    return model
"""
COMMANDS = {
    "tfgen run": ["-c", "import sys; from tfgen import cli; sys.exit(cli.main(sys.argv[1:]))", "run"],
    "python -m tfgen.run": ["-m", "tfgen.run"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_from_the_command_to_the_tape_there_are_few_frames_of_our_own(command, tmp_path):
    (tmp_path / "recording_plugin.py").write_text(PLUGIN)
    np.savez(tmp_path / "data.npz", x_train=np.arange(40 * 256, dtype=np.int64).reshape(40, 16, 16, 1).astype(np.uint8))
    run = ["--model=recording", "--plugin=recording_plugin", "--dataset=npz:data.npz", "--steps=1", "--batch_size=4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *COMMANDS[command], *run], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "frames.jsonl").read_text().splitlines()]
    # the others are of the diagnosis, which looks before the first step and after it
    first = next(line for line in lines if not any(file.startswith("diagnosis/") for file, _ in line))
    frames = [tuple(frame) for frame in first]
    assert frames[-1] == ("training/model.py", "GenerativeModel.differentiate"), "which holds the tape"
    assert len(frames) <= MOST, "\n".join(" ".join(frame) for frame in frames)
