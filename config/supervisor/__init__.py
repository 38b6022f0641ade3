"""`manage.py up`: one process that starts everything, keeps it running, and takes it down in order.

options.py     the command line
data.py        the data folder: who may use it, what is written there for others
children.py    one child: start, watch, restart with back-off, stop
logs.py        what children say, in files of bounded size
listening.py   the web process's socket, opened before everything else
plans.py       which children there are and how each is started
up.py          the order of things
messages.py    what the operator reads
"""

from config.supervisor.up import run_up

__all__ = ["run_up"]
