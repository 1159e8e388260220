"""How much memory this machine has free."""

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def free_memory() -> tuple[int, str] | None:
    """Returns bytes and what they are; None where the system does not say.

    On Linux what can be had without swapping, within the limit of a container;
    elsewhere all that the machine has.
    """
    if _MEMINFO.is_file():
        lines = dict(
            line.split(":", 1) for line in _MEMINFO.read_text().splitlines()
        )
        free = int(lines["MemAvailable"].split()[0]) * 1024
        left = _left_in_group()
        if left is not None and left < free:
            return left, "left in this container"
        return free, "free on this machine"
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return pages * size, "of this machine"


def _left_in_group():
    try:
        limit = (_GROUP / "memory.max").read_text().strip()
        used = int((_GROUP / "memory.current").read_text())
        facts = (_GROUP / "memory.stat").read_text().split()
        # Files that were read and can be forgotten are no use of memory.
        used -= int(facts[facts.index("inactive_file") + 1])
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used)
