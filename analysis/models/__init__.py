"""Models: effects of delisting, regional gaps, space, inference, the specification curve."""
