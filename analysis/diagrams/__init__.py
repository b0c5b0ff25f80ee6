"""Boxes and arrows whose places are computed from their labels, so that a label may change."""
