"""How a recipe unlearns."""
