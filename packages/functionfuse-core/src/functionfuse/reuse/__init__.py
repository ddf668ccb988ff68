"""What decides whether a saved result still fits: digests of code, values and nodes."""
