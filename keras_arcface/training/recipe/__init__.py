"""Recipes: one typed description of a training run, in YAML."""

from keras_arcface.training.recipe.checks import GLYPHS as GLYPHS
from keras_arcface.training.recipe.checks import PER_CLASS as PER_CLASS
from keras_arcface.training.recipe.checks import PRECISIONS as PRECISIONS
from keras_arcface.training.recipe.checks import check_integer as check_integer
from keras_arcface.training.recipe.checks import check_seed as check_seed
from keras_arcface.training.recipe.help import help_texts as help_texts
from keras_arcface.training.recipe.keys import RecipeError as RecipeError
from keras_arcface.training.recipe.recipe import Recipe as Recipe
from keras_arcface.training.recipe.recipe import recipe_keys as recipe_keys
