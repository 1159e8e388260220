"""What a measurement was taken on; part of every committed result."""

import datetime
import os
import platform
from importlib.metadata import version

# Glyphs are drawn by Pillow from the fonts inside matplotlib.
PACKAGES = ("keras", "tensorflow", "numpy", "pillow", "matplotlib")


def describe() -> dict:
    """Returns processor, cores, versions and date, without host names."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "date": datetime.date.today().isoformat(),
    }


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # Not Linux: what Python knows is enough.
    return platform.processor() or "unknown"
