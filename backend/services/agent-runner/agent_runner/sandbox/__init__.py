"""Where an agent's files and commands live: a directory on this machine, or a Daytona sandbox."""
