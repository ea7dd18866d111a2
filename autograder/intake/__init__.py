"""From what was handed in to one clean notebook for each student.

`collect` lists the files and says whose they are, by what LMSs (`lms`) or files (`names`) call
them; it opens none of a student's. `roster` says who is who on the class list, `choices` what a
person wants to count. `reading` has each student's files read by `reader`, a program with limits in
a sandbox, which chooses among them (`choose`), reads the cells of whatever it is (`salvage`), and
finds the answers (`rebuild`, with `search`). What comes back is `answers`, which
`reading` puts on the release: nothing later sees the file. nbgrader's own commands come to
`reading` by `exporter`.

Of all that is in autograder the sandbox sees this folder and `inside`, so what runs there imports
nothing else.
"""
