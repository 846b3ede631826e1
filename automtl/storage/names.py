"""What the files of a trial are called: who trains, who cleans and who exports agree on it."""

WEIGHTS = "best.safetensors"
"""Tensors of the best epoch."""

MODEL = "model.json"
"""What these tensors are: configuration, classes and picture size."""

VIEWS = "views"
"""Folder of the views of the frames, beside the folders of the trials."""
