"""Which product is on the shelf, or none of ours? Not faces, and open-set.

Command:  python examples/recognise_products.py [FOLDER]
Data:     FOLDER with one sub-folder a product, of at least six pictures each;
          without it packages are drawn: a shape, colours, a band, a word
Hardware: two processor cores
Time:     about two minutes
Expects:  nine of ten queries find their product and are accepted, though the
          network was never trained on it; of strangers about one in ten is,
          where one in twenty was asked for (fifty strangers tell no better)

The products are split in three. The network is trained on the first part. On
the second the threshold is calibrated: the similarity that one in twenty
strangers reaches. The third is the shop: half of its products have pictures in
the catalogue, the other half are strangers. A new product needs pictures in the
catalogue, and no training.
"""

import argparse

import keras
import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

import keras_arcface as ka
from keras_arcface import evaluation

PICTURES = 14
CATALOGUE = 3  # Pictures of a product that is on sale.
STRANGERS = 0.05  # Share of strangers that may be taken for a product.


def main(folder=None, products=500, epochs=12, side=48):
    keras.utils.set_random_seed(0)
    if folder is None:
        data = draw_products(products, side)
    else:
        data = ka.data.open_data(folder, (side, side), resize=True)
        data = data.with_at_least(2 * CATALOGUE)
    seen, unseen = data.split_identities(0.4)
    calibration, shop = unseen.split_identities(0.5)
    model = train(seen, epochs)
    similarity, known, _ = search(model, calibration)
    threshold = evaluation.threshold_at_fmr(similarity, known, STRANGERS)
    similarity, known, right = search(model, shop)
    accepted = similarity >= threshold.threshold
    return {
        "products in the shop": shop.num_classes,
        "threshold": threshold.threshold,
        "nearest is right": right[known].mean(),
        "found, right and accepted": (right & accepted)[known].mean(),
        "strangers accepted": accepted[~known].mean(),
    }


def train(data, epochs, batch_size=64):
    # Packages stand anywhere in a picture: an average over all places.
    backbone = ka.SmallNet(input_shape=(*data.image_size, 3), head="GAP")
    head = ka.ArcMarginLayer(data.num_classes, margin=0.3, scale="auto")
    model = ka.ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(
        data.batches(batch_size, epochs=epochs, augment="shift"),
        epochs=epochs,
        steps_per_epoch=data.steps(batch_size),
        callbacks=[ka.MarginWarmup()],
        shuffle=False,
        verbose=2,
    )
    return model


def search(model, data):
    """Looks every query up in a catalogue of half of the products.

    Returns:
        For each query the similarity of the nearest catalogue picture, whether
        its product is in the catalogue, and whether that was the nearest.
    """
    data = data.subset(np.argsort(data.labels, kind="stable"))
    embeddings = model.embed(data.images())
    first = np.searchsorted(data.labels, np.arange(data.num_classes))
    place = np.arange(len(data)) - first[data.labels]
    sold = data.labels % 2 == 0
    catalogue = sold & (place < CATALOGUE)
    queries = place >= CATALOGUE
    similarity = embeddings[queries] @ embeddings[catalogue].T
    nearest = data.labels[catalogue][similarity.argmax(axis=1)]
    right = nearest == data.labels[queries]
    return similarity.max(axis=1), sold[queries], right


def draw_products(count, side):
    """Returns packages, each photographed a few times."""
    images = []
    for number in range(count):
        drawn, rng = package(number, 96), np.random.default_rng([number, 1])
        images += [photograph(drawn, rng, side) for _ in range(PICTURES)]
    labels = np.repeat(np.arange(count), PICTURES)
    names = [f"product {number}" for number in range(count)]
    return ka.data.ImageData(np.stack(images), labels, names)


def package(product, side):
    """Draws a box, can, bottle or bag, always alike: RGBA."""
    rng = np.random.default_rng([product, 7])
    body, band, ink = (tuple(rng.integers(20, 236, 3)) for _ in range(3))
    left, top = rng.uniform(0.1, 0.3) * side, rng.uniform(0.05, 0.2) * side
    edges = (left, top, side - left, side - 0.05 * side)
    image = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(image)
    rounding = rng.choice([0, side // 10, side // 5])
    draw.rounded_rectangle(edges, int(rounding), fill=body)
    if rng.random() < 0.5:  # A neck, or a cap.
        middle = rng.uniform(0.06, 0.15) * side
        neck = (side / 2 - middle, 0, side / 2 + middle, top + 1)
        draw.rectangle(neck, fill=band)
    height = rng.uniform(0.2, 0.5) * side
    start = rng.uniform(top, side - 0.05 * side - height)
    draw.rectangle((left, start, side - left, start + height), fill=band)
    word = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ"), 3))
    place = (side / 2, start + height / 2)
    draw.text(place, word, ink, anchor="mm", font_size=side * 0.22)
    return image


def photograph(package, rng, side):
    """Turns, moves, lights and blurs a package before a background."""
    size = package.width
    turned = package.rotate(
        rng.normal(0, 8),
        Image.Resampling.BILINEAR,
        translate=tuple(rng.integers(-size // 12, size // 12, 2)),
    )
    small = int(size * rng.uniform(0.7, 1.0))
    turned = turned.resize((small, small))
    coarse = rng.integers(0, 256, (3, 3, 3)).astype("uint8")
    scene = Image.fromarray(coarse).resize((size, size), Image.BICUBIC)
    corner = tuple(rng.integers(0, size - small + 1, 2))
    scene.paste(turned, corner, turned)
    scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    pixels = np.asarray(scene.resize((side, side)), "float32")
    light = rng.uniform(0.6, 1.2) * rng.uniform(0.9, 1.1, 3)
    pixels = pixels * light + rng.normal(0, 6, pixels.shape)
    return np.clip(pixels, 0, 255).astype("uint8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--products", type=int, default=500, help="to draw")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--side", type=int, default=48, help="in pixels")
    args = parser.parse_args()
    found = main(args.folder, args.products, args.epochs, args.side)
    for name, value in found.items():
        print(f"{name}: {value:.3g}")
