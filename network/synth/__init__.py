"""Windows of blurred frames, synthesised from sharp footage alone."""
