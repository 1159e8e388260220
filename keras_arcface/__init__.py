"""Embeddings with an angular margin (ArcFace) in Keras 3."""
