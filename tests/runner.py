#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the trees and runs the tests: a line for each, and one line at the end. Use ./tests/run."""
import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTS = os.path.join(ROOT, 'tests')
DELIVERY = os.path.join(TESTS, 'delivery')
MODULE_LIMIT = 420      # seconds for one file of end-to-end tests

TREES = {
    'plain': ('build', []),
    'asan': ('build-asan', ['-Db_sanitize=address,undefined', '-Doptimization=1']),
    'tsan': ('build-tsan', ['-Db_sanitize=thread', '-Doptimization=1']),
}
# What has more than one thread is what ThreadSanitizer has something to say about.
THREADED = re.compile(r'delivery|sink|packager|segmenter|outputgroup|http')
SANITIZER = {
    'asan': {
        'ASAN_OPTIONS': 'detect_leaks=1:detect_stack_use_after_return=1',
        'LSAN_OPTIONS': f'suppressions={TESTS}/lsan.supp:print_suppressions=0',
        'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
        # GLib's slices and GStreamer's plugin scanner would hide leaks and load the plugins outside the sanitizer.
        'G_SLICE': 'always-malloc',
        'GST_REGISTRY_FORK': 'no',
    },
    'tsan': {
        'TSAN_OPTIONS': f'suppressions={TESTS}/tsan.supp:second_deadlock_stack=1:history_size=4',
        'GST_REGISTRY_FORK': 'no',
    },
}


class Report:
    """Counts, and prints a line for each test as it ends."""

    def __init__(self):
        self.counts = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}

    def add(self, outcome, name, seconds, text=''):
        self.counts[outcome] += 1
        if outcome == 'SKIP':
            print(f'SKIP {name}: {text}', flush=True)
            return
        print(f'{outcome} {name}' + ('' if seconds is None else f' ({seconds:.1f} s)'), flush=True)
        if outcome == 'FAIL':
            for line in text.rstrip().splitlines()[-80:]:
                print(f'     | {line}', flush=True)

    def finish(self):
        counts = self.counts
        print(f'{counts["PASS"]} passed, {counts["FAIL"]} failed, {counts["SKIP"]} skipped', flush=True)
        return 1 if counts['FAIL'] or not counts['PASS'] else 0


def run(command, env=None, limit=600, cwd=ROOT):
    """(exit code, output). The whole process group ends with it; exit code None: the time limit passed."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        text = output.read().decode(errors='replace')
    return code, text if code is not None else f'{text}\nno end within {limit} s'


def adopt_orphans():
    """What a test starts and leaves behind becomes a child of this process (PR_SET_CHILD_SUBREAPER), to be ended by it."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def end_children(grace):
    """Ends what is left @grace seconds from now; its command lines."""
    deadline = time.monotonic() + grace
    while True:
        left = []
        for task in os.listdir('/proc/self/task'):
            with open(f'/proc/self/task/{task}/children') as file:
                left += [int(pid) for pid in file.read().split()]
        for pid in left[:]:
            if os.waitpid(pid, os.WNOHANG)[0]:
                left.remove(pid)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    said = []
    for pid in left:
        with open(f'/proc/{pid}/cmdline') as file:
            said.append(file.read().replace('\0', ' ').strip())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return said


def tree_path(tree):
    return os.path.join(ROOT, TREES[tree][0])


def build(tree, report):
    """Builds a tree, with warnings as errors. True if it was built."""
    path, began = tree_path(tree), time.monotonic()
    options = ['--werror', *TREES[tree][1]]
    configured = os.path.exists(os.path.join(path, 'build.ninja'))
    code, text = run(['meson', 'setup', *options, *(['--reconfigure'] if configured else []), path])
    if code == 0:
        code, text = run(['ninja', '-C', path], limit=900)
    report.add('PASS' if code == 0 else 'FAIL', f'build/{tree}', time.monotonic() - began, text)
    return code == 0


def plugin_folders(tree):
    found = []
    for folder, _, files in os.walk(tree_path(tree)):
        if any(re.match(r'libgst(dir|hlsoutputgroup|cdn)\.so$', f) for f in files):
            found.append(folder)
    return found


def environment(tree):
    env = dict(os.environ)
    env.pop('DISPLAY', None)
    env['PYTHONDONTWRITEBYTECODE'] = '1'
    env['NO_COLOR'] = env['GST_DEBUG_NO_COLOR'] = '1'
    env['BUILD_DIR'] = tree_path(tree)
    for name in ('GST_PLUGIN_PATH', 'GST_PLUGIN_PATH_1_0'):
        env[name] = ':'.join(plugin_folders(tree))
    env['GST_REGISTRY'] = os.path.join(tree_path(tree), 'registry.dat')
    env['PYTHONPATH'] = ':'.join([DELIVERY, os.path.join(TESTS, 'servers')])
    env.update(SANITIZER.get(tree, {}))
    return env


def prepare_registry():
    """System plugins are scanned once, by a plain process; a sanitizer's process then scans only ours."""
    base = os.path.join(tree_path('plain'), 'registry-base.dat')
    env = dict(os.environ, GST_REGISTRY=base)
    env.pop('GST_PLUGIN_PATH', None)
    env.pop('GST_PLUGIN_PATH_1_0', None)
    run(['gst-inspect-1.0', 'fakesink'], env)
    for tree in TREES:
        targets = [os.path.join(tree_path(tree), 'registry.dat'),
                   os.path.join(tree_path(tree), 'tests', 'check', 'registry.dat')]
        for target in targets:
            if os.path.isdir(os.path.dirname(target)):
                shutil.copy(base, target)


def unit_tests(tree):
    code, text = run(['meson', 'introspect', '--tests', tree_path(tree)])
    return json.loads(text) if code == 0 else []


def run_unit(tree, test, report):
    """One executable of tests/check; a line for each test in it, from libcheck's TAP log."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tap = os.path.join(folder, 'tap')
        env = {**environment(tree), **test['env'], 'CK_TAP_LOG_FILE_NAME': tap, 'TMPDIR': folder}
        if tree != 'plain':
            env['CK_TIMEOUT_MULTIPLIER'] = '3'
        code, text = run(test['cmd'], env, limit=600)
        lines = open(tap, errors='replace').read().splitlines() if os.path.exists(tap) else []
    name, failed, ran = f'{tree}/{test["name"]}', 0, 0
    for line in lines:
        match = re.match(r'(ok|not ok) \d+ - [^:]*:([^:]*):([^:]*): (.*)', line)
        if match:
            ran += 1
            failed += match.group(1) != 'ok'
            report.add('PASS' if match.group(1) == 'ok' else 'FAIL', f'{name}: {match.group(3)}', None, match.group(4))
    if code != 0 and not failed or not ran:
        report.add('FAIL', name, time.monotonic() - began, f'exit code {code}\n{text}')
    elif failed:
        print('\n'.join(f'     | {line}' for line in text.splitlines()[-120:]), flush=True)


def run_module(path, only, quick, report):
    """One file of end-to-end tests (unittest), in a process of its own; its results come over a pipe as they are."""
    name = 'delivery/' + os.path.basename(path)[5:-3]
    began = time.monotonic()
    read, write = os.pipe()
    env = environment('plain')
    if quick:
        env['TESTS_QUICK'] = '1'
    with tempfile.TemporaryDirectory(prefix='gst-output-groups-') as folder, tempfile.TemporaryFile() as output:
        env['TMPDIR'] = folder
        process = subprocess.Popen(
            ['/usr/bin/python3', '-B', os.path.join(TESTS, 'module.py'), path, name, only, str(write)],
            env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            pass_fds=(write,), start_new_session=True)
        os.close(write)
        timer_ended = []
        signal.signal(signal.SIGALRM, lambda *_: (timer_ended.append(1), os.killpg(process.pid, signal.SIGKILL)))
        signal.alarm(MODULE_LIMIT)
        ran = 0
        with os.fdopen(read) as results:
            for line in results:
                ran += 1
                report.add(*json.loads(line))
        code = process.wait()
        signal.alarm(0)
        left = end_children(2 if code == 0 else 0)
        output.seek(0)
        text = output.read().decode(errors='replace')
    if timer_ended:
        report.add('FAIL', name, time.monotonic() - began, f'{text}\nno end within {MODULE_LIMIT} s')
    elif code != 0 or (not ran and not only):
        report.add('FAIL', name, time.monotonic() - began, f'exit code {code}, {ran} tests\n{text}')
    elif left:
        report.add('FAIL', f'{name}: leaves nothing behind', time.monotonic() - began, '\n'.join(left))


def main():
    parser = argparse.ArgumentParser(prog='tests/run')
    parser.add_argument('--only', default='', metavar='PATTERN', help='a regular expression on STAGE/NAME')
    parser.add_argument('--quick', action='store_true', help='no sanitizers, no slow tests')
    args = parser.parse_args()
    # An end from outside is an orderly one: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adopt_orphans()
    report = Report()
    if not build('plain', report):
        return report.finish()
    chosen = {'plain': [], 'asan': [], 'tsan': []}
    for test in unit_tests('plain'):
        for tree in chosen:
            if tree == 'tsan' and not THREADED.search(test['name']) or args.quick and tree != 'plain':
                continue
            if re.search(args.only, f'{tree}/{test["name"]}'):
                chosen[tree].append(test['name'])
    trees = [tree for tree in chosen if chosen[tree] and (tree == 'plain' or build(tree, report))]
    prepare_registry()
    for tree in trees:
        for test in unit_tests(tree):
            if test['name'] in chosen[tree]:
                run_unit(tree, test, report)
    for file in sorted(os.listdir(DELIVERY)):
        if re.match(r'test_\w+\.py$', file):
            run_module(os.path.join(DELIVERY, file), args.only, args.quick, report)
    return report.finish()


if __name__ == '__main__':
    try:
        code = main()
    finally:
        end_children(0)
    sys.exit(code)
