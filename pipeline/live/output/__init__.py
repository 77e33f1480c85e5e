"""Where live frames go."""

import os

# pygame, which draws the window, prints a banner when it is imported. Standard output belongs to the user.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
