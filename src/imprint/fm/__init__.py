"""Foundation models: loading them, training small ones, and the embeddings they give."""
