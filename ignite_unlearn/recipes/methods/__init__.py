"""How recipes unlearn."""

from ignite_unlearn.recipes.methods.by_itself import ByItself
from ignite_unlearn.recipes.methods.cascade import CascadeOnClasses, CascadeOnFoundClasses, CascadeOnItems
from ignite_unlearn.recipes.methods.method import Material, Method

__all__ = ["ByItself", "CascadeOnClasses", "CascadeOnFoundClasses", "CascadeOnItems", "Material", "Method"]
