"""Other receivers of the same media, each a process that answers WHIP, to measure beside.

They run in an environment of their own, without Greenroom's packages: nothing here imports
from outside this folder.
"""
