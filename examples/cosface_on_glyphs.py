"""Another margin in one argument: CosFace on characters, judged as it trains.

Command:  python examples/cosface_on_glyphs.py
Data:     glyphs, drawn on the spot
Hardware: two processor cores
Time:     about a minute
Expects:  EER on held-out characters below 10%
"""

import argparse

import keras

import keras_arcface as ka


def main(identities=300, epochs=4):
    data = ka.data.glyphs.load("train", identities=identities)
    training, held_out = data.split_identities(0.2)
    model = ka.ArcFaceModel(
        backbone=ka.SmallNet(),
        head=ka.ArcMarginLayer(
            training.num_classes, margin=ka.CosFace(0.35), scale="auto"
        ),
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    history = model.fit(
        training.batches(128, epochs=epochs, augment="shift"),
        epochs=epochs,
        steps_per_epoch=training.steps(128),
        callbacks=[ka.MarginWarmup(), ka.VerificationEvaluator(held_out)],
        shuffle=False,
        verbose=2,
    )
    return history.history["eer"][-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identities", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    eer = main(args.identities, args.epochs)
    print(f"EER on held-out characters: {100 * eer:.2f}%")
