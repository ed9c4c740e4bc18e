"""Recipes of the launcher: the stock ones, and those of users in files and modules of their own."""

from ignite_unlearn.recipes.find import copy_recipe, load_recipe, stock_recipes

__all__ = ["copy_recipe", "load_recipe", "stock_recipes"]
