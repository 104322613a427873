"""A model under MLPerf LoadGen, MLCommons' load generator: an outside referee for the figures of ``tlx bench``."""
