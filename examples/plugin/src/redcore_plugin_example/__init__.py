"""A method, an encoder, a score and a balancing rule for redcore."""
