"""Fused sums and attention, each with the same sums in plain PyTorch; the files in Triton need a GPU to be imported."""
