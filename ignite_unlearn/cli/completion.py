"""What a shell offers to complete: names of recipes, and the keys of a stock recipe's options."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def recipe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the stock recipes that begin so, with what they do; for what looks like a path, that files are meant."""
    from ignite_unlearn.recipes import stock_recipes

    if incomplete.startswith(".") or "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name, help=said) for name, said in stock_recipes().items() if name.startswith(incomplete)]


def setting_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Returns the keys of the named recipe's options that begin so; a file of the user's is not run for that."""
    from ignite_unlearn.recipes import load_recipe, stock_recipes

    # Click reads no argument before an option that lacks its value yet, and leaves it among the rest.
    stock = stock_recipes()
    recipe = next((word for word in (ctx.params.get("recipe"), *ctx.args) if word in stock), None)
    if recipe is None:
        return []
    from ignite_unlearn.recipes.settings import settings_of

    known = settings_of(load_recipe(recipe))
    return [CompletionItem(f"{one.key}=", help=one.describe()) for one in known if one.key.startswith(incomplete)]
