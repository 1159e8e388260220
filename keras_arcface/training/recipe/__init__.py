"""Recipes: one typed description of a training run, in YAML."""

from keras_arcface.training.recipe.recipe import PRECISIONS as PRECISIONS
from keras_arcface.training.recipe.recipe import Recipe as Recipe
