"""The instructor's side of Privacy Labs: masters, the build, and the grader."""
