# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline in a process of its own (driver.py), and what tests ask of it. A crash, a GLib critical or a hang of the
pipeline is a failed test, not the end of the run."""
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = ['/usr/bin/python3', '-B', os.path.join(HERE, 'driver.py')]


class ChannelError(AssertionError):
    pass


class Channel:
    """Starts @description to @state. As a context manager it ends the process, and fails where that did not go well."""

    def __init__(self, description, state='PLAYING', env=None, allow_errors=False, start=True):
        self.allow_errors = allow_errors
        self.events = []
        self.changed = threading.Condition()
        self.stderr = tempfile.TemporaryFile()
        # A critical says that a contract inside the process was broken.
        environment = {'G_DEBUG': 'fatal_criticals', **os.environ, **(env or {})}
        self.process = subprocess.Popen([*DRIVER, 'run', description], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.stderr, env=environment)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if start:
            self.wait(lambda e: e['event'] == 'ready' or e['event'] == 'error', 30, 'the driver to start')
            if not self.errors():
                self.result = self.command('state', state=state)['result']

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.close()
        except ChannelError:
            if kind is None:
                raise

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.events.append({'event': 'gone', 'time': time.monotonic()})
            self.changed.notify_all()

    def _error_output(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors='replace')[-4000:]

    # --- asking

    def wait(self, condition, timeout, what, start=0):
        """The first event from number @start on that @condition holds for."""
        deadline = time.monotonic() + timeout
        with self.changed:
            at = start
            while True:
                while at < len(self.events):
                    event = self.events[at]
                    at += 1
                    if condition(event):
                        return event
                    if event['event'] == 'gone':
                        self.process.wait()
                        raise ChannelError(f'the pipeline ended (code {self.process.returncode}) while waiting for '
                                           f'{what}; errors {self.errors()}\n{self._error_output()}')
                    if event['event'] == 'error' and not self.allow_errors:
                        raise ChannelError(f'error while waiting for {what}: {event["text"]} ({event["debug"]})')
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ChannelError(f'not within {timeout} s: {what}; errors {self.errors()}, warnings '
                                       f'{self.warnings()[-5:]}\n{self._error_output()}')
                self.changed.wait(left)

    def count(self):
        with self.changed:
            return len(self.events)

    def command(self, name, timeout=60, **arguments):
        start = self.count()
        try:
            self.process.stdin.write(json.dumps({'cmd': name, **arguments}).encode() + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass        # said by wait()
        return self.wait(lambda e: e['event'] == 'done' and e['cmd'] == name, timeout, f'the answer to {name}', start)

    def _texts(self, kind):
        with self.changed:
            return [f'{e["source"]}: {e["text"]} ({e["debug"]})' for e in self.events if e['event'] == kind]

    def errors(self):
        return self._texts('error')

    def warnings(self):
        return self._texts('warning')

    def messages(self, name, source=None, since=0.0):
        with self.changed:
            return [e for e in self.events if e['event'] == 'message' and e['name'] == name and e['time'] >= since
                    and source in (None, e['source'])]

    def wait_message(self, name, timeout, source=None, condition=lambda fields: True):
        return self.wait(lambda e: e['event'] == 'message' and e['name'] == name and source in (None, e['source'])
                         and condition(e['fields']), timeout, f'message {name} from {source or "anyone"}')

    def wait_warning(self, *words, timeout=30):
        return self.wait(lambda e: e['event'] == 'warning' and all(
            w in f'{e["text"]} {e["debug"]}' for w in words), timeout, f'a warning with {words}')

    def wait_error(self, *words, timeout=30):
        self.allow_errors = True
        return self.wait(lambda e: e['event'] == 'error' and all(
            w in f'{e["text"]} {e["debug"]}' for w in words), timeout, f'an error with {words}')

    def stats(self, element):
        return self.command('stats', element=element)['stats']

    def rss(self):
        """Resident bytes now."""
        with open(f'/proc/{self.pid}/status') as file:
            for line in file:
                if line.startswith('VmRSS:'):
                    return int(line.split()[1]) * 1024
        return 0

    # --- ending

    def wait_eos(self, timeout=60):
        return self.wait(lambda e: e['event'] == 'eos', timeout, 'end of stream')

    def drain(self, timeout=60):
        """EOS, as gst-launch-1.0 -e on Ctrl-C, and waits until everything is published."""
        self.command('eos')
        self.wait_eos(timeout)

    def stop(self):
        """To NULL; seconds it took."""
        return self.command('state', state='NULL')['seconds']

    def close(self, timeout=20):
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise ChannelError(f'the process did not end within {timeout} s\n{self._error_output()}') from None
        finally:
            self.reader.join()
            self.process.stdout.close()
        code, text = self.process.returncode, self._error_output()
        self.stderr.close()
        if code and not (code == 1 and self.errors()):
            raise ChannelError(f'the pipeline ended with code {code}\n{text}')


class Clip:
    """Encoded access units, made once and fed as often as a test likes. @description ends in the encoder and parser."""

    def __init__(self, folder, name, description):
        self.file = os.path.join(folder, name)
        result = subprocess.run([*DRIVER, 'encode', f'{description} ! appsink name=out sync=false', self.file],
                                capture_output=True, text=True, timeout=120)
        if result.returncode:
            raise ChannelError(f'{description}: {result.stderr}')
        with open(self.file + '.json') as file:
            index = json.load(file)
        self.caps = index['caps']
        # The first frame is shown at one second, whatever the encoder counts from: room for its decoding time.
        first = min(u[2] for u in index['units'])
        self.units = self.shifted(1_000_000_000 - first, index['units'])

    def shifted(self, offset, units=None):
        """Units @offset nanoseconds later."""
        return [(o, s, p + offset, None if d is None else d + offset, t, k)
                for o, s, p, d, t, k in (self.units if units is None else units)]


def source(name, caps=None, live=True):
    """An appsrc to feed() encoded units into."""
    text = f'appsrc name={name} format=time max-bytes=0 block=false is-live={"true" if live else "false"}'
    return f'{text} caps="{caps}"' if caps else text
