"""Runs tests of Samba's raw protocol suite whose names are the arguments; one line of JSON for each.

Each test has a time limit of its own, so that one which waits for an answer that never comes is a failure by name.
"""
import io
import json
import signal
import sys
import unittest

from samba.tests.dcerpc.raw_protocol import TestDCERPC_BIND

# Seconds; the longest test sends some seven hundred fragments and waits 10 ms after each.
LIMIT = 40


class TooLong(Exception):
    pass


def expire(_signal, _frame):
    raise TooLong("not within %d s" % LIMIT)


signal.signal(signal.SIGALRM, expire)
for name in sys.argv[1:]:
    # The suite writes every time-out that it expects to standard error.
    told, sys.stderr = sys.stderr, io.StringIO()
    outcome = unittest.TestResult()
    signal.alarm(LIMIT)
    try:
        TestDCERPC_BIND(name).run(outcome)
        bad = [text for _, text in outcome.failures + outcome.errors]
    except TooLong as error:
        bad = [str(error)]
    finally:
        signal.alarm(0)
        sys.stderr = told
    why = bad[0].strip().splitlines()[-1] if bad else ""
    result = "failed" if bad else "skipped" if outcome.skipped else "passed"
    print(json.dumps({"name": name, "result": result, "why": why}), flush=True)
