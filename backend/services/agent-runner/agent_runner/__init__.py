"""agent-runner: a Temporal worker that runs LLM agents."""
