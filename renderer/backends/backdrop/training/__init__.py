"""Teaches `backdrop`: random wishes, clips drawn for them, the two networks' training, and the file of weights."""
