"""What a result was computed on, without host names."""

import platform


def processor() -> str:
    """Returns the name of the processor, "unknown" where nobody says."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # Not Linux: what Python knows is enough.
    return platform.processor() or "unknown"
