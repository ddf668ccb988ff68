"""Digests of code, values and nodes, by which `functionfuse.plan` decides what is reused."""
