"""How well people are seen in pictures, under the studio's truth."""
