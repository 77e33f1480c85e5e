"""The browser page of live deblurring: a camera or a file goes in, the sharp picture comes out, nothing is kept."""
