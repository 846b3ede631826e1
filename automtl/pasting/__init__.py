"""Clips of real cut-outs over real pictures, with exact boxes, masks and ids."""
