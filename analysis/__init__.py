"""Helpers of the compendium: what the notebooks call, and what runs the notebooks."""

from analysis.step import step

__all__ = ["step"]
