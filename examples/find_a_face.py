"""Who is it? The nearest faces to a picture, with the shipped weights.

Command:  python examples/find_a_face.py QUERY.jpg FOLDER
Data:     aligned 112x112 face crops
Hardware: any
Time:     32 s for 268 pictures on two busy processor cores
Expects:  pictures of the same person above the preset's threshold
"""

import argparse
from pathlib import Path

import numpy as np

import keras_arcface as ka
from keras_arcface.data import read_image


def main(query, folder, count=5):
    network = ka.load_pretrained("mobilefacenet_ms1m_192")
    paths = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    pictures = np.stack([read_image(p, (112, 112)) for p in [query, *paths]])
    embeddings = ka.embed(network, pictures, flip=True)
    similarity = embeddings[1:] @ embeddings[0]
    nearest = np.argsort(-similarity)[:count]
    return [(paths[index], float(similarity[index])) for index in nearest]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("query")
    parser.add_argument("folder")
    args = parser.parse_args()
    for path, similarity in main(args.query, args.folder):
        print(f"{similarity:.3f}  {path}")
