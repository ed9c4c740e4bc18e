"""Nets of the stock recipes."""
