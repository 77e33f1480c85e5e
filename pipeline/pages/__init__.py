"""Pages: HTML files that need no other file, with a slider between pictures and curves over time."""
