"""The instructor's side of Privacy Labs: the course, the build, and the grader.

    course/    masters and answers: what is taught, and right and wrong answers to it
    labs/      masters → notebooks
    intake/    what was handed in → a clean notebook for each student
    sandbox/   kernels that can reach nothing
    judge/     a clean notebook → points
    workers/   where submissions are judged: on this machine, or on a cluster
    results/   points → journal, gradebook, pages, tables
    run.py     a class from plan to results; grade.py is its command line

A submission's way: `intake.collect` lists the files; `intake.reading` hands them to `intake.reader`
in the sandbox, which chooses one (`choose`), parses it, once (`salvage`), and finds the answers
(`rebuild`). `run` plans who is graded; `workers.machine` starts a process, in which `judge.judge`
has `judge.execution` run the cells. `results.journal` writes the executed notebook, once;
`results.gradebook` records the points in the one database, and `results.report` makes the page.
"""
