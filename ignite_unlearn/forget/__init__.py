"""Requests to forget: what is asked for, and where a GAN makes it."""
