"""Named splits and label fractions."""
