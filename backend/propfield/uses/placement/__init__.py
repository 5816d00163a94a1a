"""An animator's prop placed on a character: where the field has it, in contact, out of the body."""
