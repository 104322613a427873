"""How each peer turns pictures into probabilities; imported by workers in the peer's own environment."""
