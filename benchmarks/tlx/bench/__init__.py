"""What ``tlx bench`` runs: the same photos through several engines, each in its own process."""
