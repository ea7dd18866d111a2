"""The instructor's side of Privacy Labs: the course, the build, and the grader.

    course/    masters and answers: what is taught, and right and wrong answers to it
    labs/      masters → notebooks
    intake/    what was handed in → a clean notebook for each student
    sandbox/   kernels that reach no file, process or network of anybody else
    judge/     a clean notebook → points
    workers/   where submissions are judged: on this machine, or on a cluster
    results/   points → journal, gradebook, pages, tables
    similarity/  which answers of a graded class are alike
    publish/   what leaves the repository: the students' tree, Gradescope's autograder
    run.py     a class from plan to results; grade.py is its command line

A submission's way: `intake.collect` lists the files; `intake.reading` hands them to `intake.reader`
in the sandbox, which chooses one (`choose`), parses it (`salvage`), and finds the answers
(`rebuild`). `run` plans who is graded; `workers.machine` starts a process, in which `judge.judge`
has `judge.execution` run the cells, and what comes back is in memory. `results.journal` writes the
executed notebook, `results.course` the clean one, where nbgrader looks for them;
`results.gradebook` records the points, and `results.report` makes the page.
"""
