from autograder.inside.syscalls import *
