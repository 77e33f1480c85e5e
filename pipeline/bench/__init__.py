"""How fast this machine deblurs: each stage alone and all of them together."""
