"""What a measurement was taken on, and the memory of this process."""

import datetime
import os
import platform
from importlib.metadata import version

from keras_arcface.utils.machine import processor

# Glyphs are drawn by Pillow from the fonts inside matplotlib.
PACKAGES = ("keras", "tensorflow", "numpy", "pillow", "matplotlib")


def describe() -> dict:
    """Returns processor, cores, versions and date, without host names.

    Part of every committed result.
    """
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "date": datetime.date.today().isoformat(),
    }


def memory(name: str = "VmRSS") -> int:
    """Returns the resident bytes of this process, or its peak ("VmHWM")."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    raise OSError("This benchmark reads the memory that Linux reports.")


def forget_peak() -> None:
    """Makes what the process has now its peak."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
