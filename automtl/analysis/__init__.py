"""What the trials of a study say about its choices."""
