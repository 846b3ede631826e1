"""Figures: one file each, a frozen record, a pure function that fills it, one that draws it."""
