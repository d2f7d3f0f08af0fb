"""Other programs' training commands beside ours, on the same folder of films and captions."""
