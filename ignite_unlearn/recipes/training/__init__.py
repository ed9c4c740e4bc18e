"""How the stock recipes train."""
