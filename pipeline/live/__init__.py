"""Live deblurring: a camera or a stream in, the sharp picture out now, and never behind."""
