"""Grids of pictures: the right picture in the right frame."""

import drawing
import numpy as np
import pytest

from keras_arcface.plots import plot_neighbours
from keras_arcface.plots import plot_picture_grid
from keras_arcface.plots import style

PAIRS = [[drawing.picture(i, 0), drawing.picture(i + 1, 0)] for i in range(5)]


def shown(drawings):
    """Returns the axes that show a picture, line by line."""
    return [axis for axis in drawings[-1].axes if axis.images]


def frame(axis):
    spine = axis.spines["left"]
    return spine.get_edgecolor(), spine.get_linestyle()


def test_pairs_stand_beside_each_other_with_their_captions(tmp_path, drawings):
    captions = [f"cosine {0.1 * i:.2f}" for i in range(5)]
    truths = [True, False, None, True, False]
    path = tmp_path / "grid.png"
    plot_picture_grid(PAIRS, path, captions, truths, across=2, title="Worst")
    axes = shown(drawings)
    assert len(axes) == 10 and path.stat().st_size > 1000
    flat = [picture for pair in PAIRS for picture in pair]
    for axis, picture in zip(axes, flat, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), picture)
    assert [axis.get_title(loc="left") for axis in axes[::2]] == captions
    assert all(axis.get_title(loc="left") == "" for axis in axes[1::2])
    frames = [frame(axis) for axis in axes]
    assert frames[::2] == frames[1::2]
    assert frames[0] == frames[6] and frames[2] == frames[8]
    # In grey print too: other dashes.
    assert len({dashes for _, dashes in frames}) >= 2
    assert len({colour for colour, _ in frames}) == 3
    assert drawings[-1]._suptitle.get_text() == "Worst"


def test_each_picture_may_have_its_own_words_and_frame(tmp_path, drawings):
    groups = [PAIRS[0] + PAIRS[1], PAIRS[2]]
    plot_picture_grid(
        groups,
        tmp_path / "grid.png",
        [["query", "0.9", "0.8", "0.7"], ["query", "0.5"]],
        [[None, True, False, True], [None, np.False_]],
    )
    axes = shown(drawings)
    words = ["query", "0.9", "0.8", "0.7", "query", "0.5"]
    assert [axis.get_title() for axis in axes] == words
    assert frame(axes[2]) == frame(axes[5]) != frame(axes[1])


def test_grey_and_real_pictures_of_any_size(tmp_path, drawings):
    grey = np.arange(20 * 30, dtype="uint8").reshape(20, 30)
    real = np.full((8, 8, 3), 300.0)
    plot_picture_grid([[grey, real]], tmp_path / "grid.png")
    first, second = (axis.images[0].get_array() for axis in shown(drawings))
    np.testing.assert_array_equal(first, np.repeat(grey[..., None], 3, 2))
    assert second.dtype == np.uint8 and (second == 255).all()


def test_long_captions_end_within_two_lines(tmp_path, drawings):
    plot_picture_grid(PAIRS[:1], tmp_path / "a.png", ["many words " * 40])
    lines = shown(drawings)[0].get_title(loc="left").split("\n")
    assert len(lines) == 2 and lines[1].endswith("…")


def test_neighbours_are_the_nearest_in_falling_order(tmp_path, drawings):
    labels = np.repeat([0, 1, 2], 3)
    images = np.stack(
        [drawing.picture(i, j) for i in range(3) for j in range(3)]
    )
    embeddings = np.random.default_rng(0).normal(size=(9, 5))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    plot_neighbours(
        images, labels, embeddings, tmp_path / "n.png", queries=1, neighbours=4
    )
    axes = shown(drawings)
    arrays = [axis.images[0].get_array() for axis in axes]
    numbers = [
        next(i for i in range(9) if np.array_equal(images[i], array))
        for array in arrays
    ]
    cosines = embeddings @ embeddings[numbers[0]]
    order = [i for i in np.argsort(-cosines) if i != numbers[0]][:4]
    assert numbers[1:] == order
    for axis, number in zip(axes[1:], order, strict=True):
        assert axis.get_title() == f"{cosines[number]:.2f}"
        same = labels[number] == labels[numbers[0]]
        colour = style.BLUE if same else style.ORANGE
        assert axis.spines["top"].get_edgecolor()[:3] == pytest.approx(
            [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        )


@pytest.mark.parametrize(
    "groups, options, message",
    [
        ([], {}, "at least one picture"),
        ([[]], {}, "at least one picture"),
        ([[PAIRS[0][0]] * 401], {}, "400 at most.*401"),
        ([[np.zeros((4, 4, 2))]], {}, r"\(4, 4, 2\) in group 0"),
        ([[np.zeros(4)]], {}, r"\(4,\) in group 0"),
        (PAIRS, {"captions": ["one"]}, "`captions`.*1 for 5 groups"),
        (PAIRS[:1], {"is_right": [[True]]}, r"`is_right\[0\]`.*1 for 2"),
    ],
)
def test_what_is_no_grid_is_refused(groups, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_picture_grid(groups, tmp_path / "grid.png", **options)
    assert not list(tmp_path.iterdir())
