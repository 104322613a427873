"""Other ways to run the same network, each in an environment of its own, timed beside tlx."""
