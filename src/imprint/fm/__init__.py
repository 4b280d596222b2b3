"""Foundation models: loading, pre-training of small ones, and extraction of embeddings."""
