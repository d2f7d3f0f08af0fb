"""Is a model, a task or a plug-in what the benchmark takes it for? Checks on a small phantom, in seconds."""
