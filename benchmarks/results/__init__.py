"""The answer: whether to share, how to weigh, how to schedule, measured on test splits."""
