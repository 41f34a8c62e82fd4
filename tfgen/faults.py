"""What comes from outside may raise: one table per boundary, each used wherever that boundary is crossed.

A list of exceptions that is written at the place of use is always too short: these are the errors that the standard
library, NumPy and Pillow were seen to raise on damaged or hostile input.
"""

import csv
import errno
import lzma
import os
import struct
import tokenize
import zipfile
import zlib

# A path or a file: `~nosuchuser` is a RuntimeError, a name with a NUL byte a ValueError.
PATH = (OSError, RuntimeError, ValueError)
# A member of a zip or npz archive: damaged, cut off, encrypted (RuntimeError), or compressed in an unknown way.
ARCHIVE = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    UnicodeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,  # of an .npy header with an open bracket
    zipfile.BadZipFile,
    zlib.error,
)
# A picture: decoders are many, and pass on whatever their parsers raise.
PICTURE = (Exception,)
# A number in a text: `int("1" * 5000)`, `float("1e999")` turned into an int, a value of another type.
NUMBER = (ArithmeticError, TypeError, ValueError)
# A text file that anybody may have written: its encoding, CSV, JSON (nested too deep: RecursionError), look-ups in it.
TEXT = (OSError, csv.Error, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

_PHRASES = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "there is a file of this name already",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.EFBIG: "the file grows larger than its file system or a limit (ulimit -f) allows",
    errno.ETXTBSY: "the file is a program that is running",
    errno.ENOEXEC: "it is not a program that this machine can run",
    errno.E2BIG: "the command is too long",
    errno.EAGAIN: "the machine can start no more processes",
    errno.ENOMEM: "there is not enough memory",
    errno.EIO: "the device fails to read or write",
    errno.EBUSY: "it is in use",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EXDEV: "the two are on different file systems",
    errno.EPIPE: "its reader is gone",
}


def sentence(error: OSError) -> str:
    """Returns what an operating system refused, as one sentence with the paths that the error names, one or two."""
    paths = [shown(path) for path in (error.filename, error.filename2) if path is not None]
    if paths:
        return f"cannot use {' or '.join(paths)}: {reason(error)}"
    # without a path the text may be Python's own, and say more: that there is no temporary folder to write to
    own = error.strerror and error.strerror != os.strerror(error.errno or 0)
    return f"the system reports: {' '.join(str(error.strerror).split())[:200] if own else reason(error)}"


def shown(path: object) -> str:
    """Returns a path for a message, shortened in the middle where it is long."""
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else f"file descriptor {path}"
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-60:]}"


def reason(error: BaseException) -> str:
    """Returns why an operation failed, as one line without a path: the words for an errno, or the error's own."""
    if isinstance(error, OSError) and error.errno is not None:
        return _PHRASES.get(error.errno) or os.strerror(error.errno).lower()
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
