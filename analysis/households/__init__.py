"""Poverty and inequality of households, from survey or census files of any size."""
