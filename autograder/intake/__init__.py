"""From what was handed in to one clean notebook for each student.

`collect` lists the files and says whose they are; it opens none of a student's. `reading` has each
student's files read by `reader`, a program with limits in a sandbox, which chooses among them
(`choose`), reads the cells of whatever it is (`salvage`), and puts the answers on the release's
skeleton (`rebuild`). What comes back is the release with answers: nothing later sees the file.

Of all that is in autograder the sandbox sees this folder and `inside`, so what runs there imports
nothing else.
"""
