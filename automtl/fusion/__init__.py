"""One scene from what the heads say apart: instances, their tracks, and how well both fit."""
