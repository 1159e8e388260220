"""What a report may be asked for."""

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Options:
    """How a model is judged and what of it is shown.

    Attributes:
        images: Folder of the pictures that a list of pairs, or a CSV file of
            identities, names.
        flip: Whether to add the mirrored picture's features.
        resize: Whether pictures of another size are resized.
        pictures: Whether the page may show pictures and the names of their
            identities. False leaves real people out.
        groups: CSV file with the columns identity and group.
        quality: CSV file with the columns path and quality (larger is better).
        run: Folder of the training run, for its curves. Defaults to the model
            itself where that is a run's folder.
        most_pictures: Of more pictures than these, whole identities are drawn
            at random until so many.
        most_pairs: Of more possible pairs than these, some are drawn.
        seed: Of every draw.
    """

    images: str | os.PathLike | None = None
    flip: bool = False
    resize: bool = False
    pictures: bool = True
    groups: str | os.PathLike | None = None
    quality: str | os.PathLike | None = None
    run: str | os.PathLike | None = None
    most_pictures: int = 20_000
    most_pairs: int = 500_000
    seed: int = 0

    def __post_init__(self):
        for name, least in (("most_pictures", 4), ("most_pairs", 100)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f"{name} must be an integer from {least}. Received: "
                    f"{name}={value!r}."
                )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(
                "seed must be an integer that is not negative. Received: "
                f"seed={self.seed!r}."
            )
