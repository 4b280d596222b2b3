"""The science of imprinting, arrays in and arrays out: configurations, NORM, GEN, distances, the engine, metrics, collapse."""
