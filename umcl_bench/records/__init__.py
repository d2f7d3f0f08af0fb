"""The run store, leaderboards, and what `show` prints."""
