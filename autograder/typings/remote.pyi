from autograder.inside.remote import *
