"""Floor 0: files, optional packages, the console. Imports nothing of ours."""
