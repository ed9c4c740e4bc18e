"""The stock recipes: one file each."""
