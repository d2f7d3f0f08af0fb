"""Pictures of what is on record: SVG and PNG, in colours that the colour-blind tell apart and that print in grey."""
