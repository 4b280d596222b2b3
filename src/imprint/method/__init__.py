"""The methods of imprinting as functions of arrays: configurations, NORM, GEN, distances, the engine, metrics, collapse."""
