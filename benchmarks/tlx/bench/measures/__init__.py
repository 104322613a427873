"""What else is measured of each engine: stages, memory, cold start, sustained rate, energy, transfers."""
