"""Run trials: one after another in this process, or on Ray Tune."""
