"""How good a field is: against the studio's truth, and (later) PAP and the ablations."""
