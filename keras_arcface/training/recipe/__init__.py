"""Recipes: one typed description of a training run, in YAML."""

from keras_arcface.training.recipe.checks import GLYPHS as GLYPHS
from keras_arcface.training.recipe.checks import PER_CLASS as PER_CLASS
from keras_arcface.training.recipe.checks import PRECISIONS as PRECISIONS
from keras_arcface.training.recipe.checks import check_integer as check_integer
from keras_arcface.training.recipe.checks import check_seed as check_seed
from keras_arcface.training.recipe.help import help_texts as help_texts
from keras_arcface.training.recipe.help import keys_table as keys_table
from keras_arcface.training.recipe.keys import RecipeError as RecipeError
from keras_arcface.training.recipe.recipe import Recipe as Recipe
from keras_arcface.training.recipe.recipe import recipe_keys as recipe_keys
from keras_arcface.training.recipe.sets import set_paths as set_paths
from keras_arcface.training.recipe.shipped import find_recipe as find_recipe
from keras_arcface.training.recipe.shipped import list_recipes as list_recipes
from keras_arcface.training.recipe.shipped import recipe_header as recipe_header
