"""What leaves this repository: the students' own tree, and an autograder for Gradescope."""
