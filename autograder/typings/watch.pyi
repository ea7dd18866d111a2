from autograder.inside.watch import *
