"""What tests share: clips, engines, displays, the command line, a page and a browser."""
