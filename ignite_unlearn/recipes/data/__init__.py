"""Data of the stock recipes."""
