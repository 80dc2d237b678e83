#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one file of unittest tests and writes a JSON line for each result: module.py FILE NAME PATTERN FD."""
import importlib.util
import json
import os
import re
import sys
import time
import unittest


def identify(name, test):
    # "module.Class.test"; of a class's set-up: "setUpClass (module.Class)"
    method = getattr(test, '_testMethodName', None)
    return f'{name}: {type(test).__name__}.{method}' if method else f'{name}: {test.id()}'


class Result(unittest.TestResult):
    def __init__(self, name, stream):
        super().__init__()
        self.name, self.stream = name, stream
        self.began = {}
        self.broken = {}

    def _id(self, test):
        return identify(self.name, test)

    def _say(self, outcome, test, text=''):
        seconds = time.monotonic() - self.began.get(test.id(), time.monotonic())
        self.stream.write(json.dumps([outcome, self._id(test), seconds, text]) + '\n')
        self.stream.flush()

    def startTest(self, test):
        self.began[test.id()] = time.monotonic()

    def addSuccess(self, test):
        if test.id() not in self.broken:
            self._say('PASS', test)

    def addFailure(self, test, error):
        self._say('FAIL', test, self._exc_info_to_string(error, test))

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.broken[test.id()] = True
            self._say('FAIL', test, f'{subtest._subDescription()}\n{self._exc_info_to_string(error, test)}')

    def addSkip(self, test, reason):
        self._say('SKIP', test, reason)

    def addExpectedFailure(self, test, error):
        self._say('FAIL', test, 'expectedFailure is not used here: a test passes, fails or is skipped with a reason')

    addUnexpectedSuccess = addSuccess


def chosen(suite, name, pattern):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from chosen(item, name, pattern)
        elif re.search(pattern, identify(name, item)):
            yield item


def main():
    path, name, pattern, descriptor = sys.argv[1:]
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    suite = unittest.TestLoader().loadTestsFromModule(module)
    with os.fdopen(int(descriptor), 'w') as stream:
        os.set_inheritable(stream.fileno(), False)      # a server that outlives us must not hold the pipe open
        unittest.TestSuite(chosen(suite, name, pattern)).run(Result(name, stream))


if __name__ == '__main__':
    main()
