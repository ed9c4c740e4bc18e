"""Fake labels: which score the discriminator is to give a forgotten image."""
