from autograder.inside.clean import *
