"""From a tlx model to a peer's own file; each script runs in whichever environment has the converter."""
