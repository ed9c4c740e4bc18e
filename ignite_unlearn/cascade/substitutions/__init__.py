"""Substitutions: which image a forgotten latent is given."""
