"""What the trials of a study say: against baselines, with new seeds, and by choice."""
