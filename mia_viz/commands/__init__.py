"""One subcommand per file: `add` declares its flags, `run` works and prints; torch loads inside `run`."""
