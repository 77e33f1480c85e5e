"""What surrounds a network over time: which frames it looks at, how they move, and how they are aligned."""
