"""Films in MP4, by ffmpeg, where it is installed."""

import importlib.util
import os
import shutil
import subprocess

import numpy as np

from tfgen import faults
from tfgen.errors import UserError
from tfgen.storage.atomic import replacing

SECONDS = 6.0
MISSING = "an MP4 file needs the program ffmpeg, or pip install imageio-ffmpeg; --out=FILE.gif needs neither"


def encoder() -> str | None:
    """Returns the path of ffmpeg: the program, or that of the package imageio-ffmpeg; None without either."""
    found = shutil.which("ffmpeg")
    if found is None and importlib.util.find_spec("imageio_ffmpeg"):
        from imageio_ffmpeg import get_ffmpeg_exe

        found = get_ffmpeg_exe()
    return found


def save_mp4(path: str | os.PathLike[str], frames: np.ndarray, seconds: float = SECONDS) -> None:
    """Writes a film as MP4 (H.264, which browsers show), atomically.

    Args:
        path: the file.
        frames: uint8 [F, H, W, C] with C 1 or 3.
        seconds: length of the film.

    Raises:
        UserError: there is no encoder, or it fails.
    """
    program = encoder()
    if program is None:
        raise UserError(MISSING)
    # H.264 takes even sides
    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    size, kind = f"{frames.shape[2]}x{frames.shape[1]}", "gray" if frames.shape[3] == 1 else "rgb24"
    given = ["-f", "rawvideo", "-pix_fmt", kind, "-s", size, "-r", f"{len(frames) / seconds:.6f}", "-i", "-"]
    with replacing(path) as partial:
        command = [program, "-loglevel", "error", "-y", *given, "-pix_fmt", "yuv420p", "-f", "mp4", str(partial)]
        try:
            done = subprocess.run(command, input=np.ascontiguousarray(frames).tobytes(), capture_output=True)
        except OSError as error:
            raise UserError(f"{program} cannot be run: {faults.reason(error)}; {MISSING}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[:200]
            raise UserError(f"{program} cannot write {path}: {said or f'exit code {done.returncode}'}")
