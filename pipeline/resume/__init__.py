"""Work that a crash can't undo: a video written in segments, each of them kept until all are joined.

The input is always decoded from its beginning, so that every frame is decoded exactly as in a run that nothing
disturbed: a resumed run only spares the network and the encoder what an earlier one has finished. That is what makes
open groups of pictures, edit lists, preroll and streams without keyframes safe, none of which this package knows about.
"""
