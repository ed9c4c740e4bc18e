"""How recipes unlearn."""

from ignite_unlearn.recipes.methods.cascade import CascadeOnClasses, CascadeOnFoundClasses, CascadeOnItems
from ignite_unlearn.recipes.methods.method import Material, Method

__all__ = ["CascadeOnClasses", "CascadeOnFoundClasses", "CascadeOnItems", "Material", "Method"]
