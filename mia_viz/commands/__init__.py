"""One subcommand per file: `add` declares its flags, `run` does the work and prints; torch is imported inside `run`."""
