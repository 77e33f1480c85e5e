"""Training: recipes, the loop, and what is kept of a run."""
