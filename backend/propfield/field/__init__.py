"""What propfield exists for: the canonical occupancy field: grid, skinning, votes, file, posing, surface."""
