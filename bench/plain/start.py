"""The script that PyInstaller starts from; it cannot start from a function."""

from agent_runner.main import main

main()
