"""What ``tlx demo`` runs: the whole chain on photographs that a dependency ships."""
