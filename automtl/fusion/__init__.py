"""Boxes, masks and embeddings of a clip become instances that keep their identity."""
