from autograder.inside.jail import *
