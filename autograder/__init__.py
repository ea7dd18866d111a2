"""The instructor's side of Privacy Labs: the course, the build, and the grader.

    course/    masters and answers: what is taught, and right and wrong answers to it; what
               changes of a solution are right too (mutants/), what a lab begins with (template/)
    labs/      masters → notebooks
    intake/    what was handed in → a clean notebook for each student
    sandbox/   kernels that reach no file, process or network of anybody else
    judge/     a clean notebook → points
    workers/   where submissions are judged: on this machine, or on a cluster
    results/   points → journal, gradebook, pages, tables
    similarity/  which answers of a graded class are alike
    publish/   what leaves the repository: the students' tree, Gradescope's autograder
    run.py     a class from plan to results; grade.py is its command line

A notebook's walk, from the file to the student's page:

     1. `intake.reader` reads the file that `choose` has chosen, in the sandbox,
     2. `intake.rebuild` puts together what is the student's: of the cells that
     3. `intake.salvage` parses, once,
     4. `intake.search` finds those that are answers,
     5. `intake.reading` takes them from the sandbox,
     6. `intake.answers` puts them on the release, and that into a file; whether it is graded, and
        which checks of it, `run` plans, as
     7. `results.journal` knows what was graded,
     8. `workers.processes` starts a process for it,
     9. `judge.judge` adds the hidden tests, and notes what has passed, for
        which `judge.outcome` gives the points,
    10. `judge.execution` runs it, cell by cell, in two kernels of `sandbox`,
    11. `run` has the journal write it, once, as it was executed,
    12. `results.report` shows the answers on the page.

What has passed is kept by `results.journal`; its points go into one database, nbgrader's, by
`results.gradebook`. `results.course` gives the written notebook a second name, under which nbgrader
looks for what was handed in. tests/test_walk.py follows a notebook, and compares with this list.
"""
