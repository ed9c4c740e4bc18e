"""The stock recipes: one file each, to be read and copied."""
