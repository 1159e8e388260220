"""The one source of the package's metadata."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages
from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent

EXPORT = [
    "tf2onnx>=1.17",
    "onnx>=1.16",
    "onnxruntime>=1.18",
    "ai-edge-litert>=2.0",
]
DETECT = ["mtcnn>=1.0"]
TENSORBOARD = ["tensorboard>=2.19"]
SEARCH = ["faiss-cpu>=1.8"]
COMPARE = ["optuna>=4"]
FIGURES = ["scikit-learn>=1.4"]
TEST = ["pytest>=8", "pytest-xdist>=3.6", "ruff>=0.6", *FIGURES]


def version():
    text = (ROOT / "keras_arcface" / "version.py").read_text()
    return re.search(r'__version__ = "(.+)"', text).group(1)


class BuildWithPresets(build_py):
    """Copies saved_models/ into the wheel, where `load_pretrained` looks."""

    def run(self):
        super().run()
        if not getattr(self, "editable_mode", False):
            target = Path(self.build_lib) / "keras_arcface" / "saved_models"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / "saved_models", target)


setup(
    name="keras-arcface",
    version=version(),
    description="Embeddings with an angular margin (ArcFace) in Keras 3.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The keras_arcface authors",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["keras_arcface", "keras_arcface.*"]),
    package_data={"keras_arcface": ["recipes/*.yaml"]},
    cmdclass={"build_py": BuildWithPresets},
    install_requires=[
        "keras>=3.15",
        "tensorflow>=2.21",
        "numpy",
        "pillow",
        "matplotlib",
        "rich",
        "pyyaml",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21"],
        "export": EXPORT,
        "detect": DETECT,
        "tensorboard": TENSORBOARD,
        "jax": ["jax>=0.6"],
        "search": SEARCH,
        "compare": COMPARE,
        "figures": FIGURES,
        "test": TEST,
        "all": EXPORT
        + DETECT
        + TENSORBOARD
        + SEARCH
        + COMPARE
        + FIGURES
        + TEST,
    },
    entry_points={
        "console_scripts": ["keras-arcface=keras_arcface.cli.main:main"]
    },
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
