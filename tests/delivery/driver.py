#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One pipeline in one process, driven over JSON lines: commands on stdin, what the bus says on stdout. channel.py is its
other end.

  driver.py run DESCRIPTION
  driver.py encode DESCRIPTION FILE      what the appsink "out" of it takes: FILE, and FILE.json that says what is where
"""
import json
import os
import sys
import threading
import time

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, Gst      # noqa: E402

NONE = Gst.CLOCK_TIME_NONE
output = threading.Lock()


def say(event, **fields):
    line = json.dumps({'event': event, 'time': time.monotonic(), **fields}, default=str)
    with output:
        sys.stdout.write(line + '\n')
        sys.stdout.flush()


def fields_of(structure):
    found = {}
    for index in range(structure.n_fields()):
        name = structure.nth_field_name(index)
        value = structure.get_value(name)
        found[name] = fields_of(value) if isinstance(value, Gst.Structure) else value
    return found


class Driver:
    def __init__(self, description):
        self.loop = GLib.MainLoop()
        self.files = {}
        self.code = 0
        self.pipeline = Gst.parse_launch(description)
        if not isinstance(self.pipeline, Gst.Pipeline):
            raise SystemExit('a pipeline of one element is no channel')
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message', self.on_message)

    def on_message(self, _bus, message):
        source = message.src.get_name() if message.src else None
        if message.type == Gst.MessageType.ERROR or message.type == Gst.MessageType.WARNING:
            error, debug = (message.parse_error if message.type == Gst.MessageType.ERROR else message.parse_warning)()
            say('error' if message.type == Gst.MessageType.ERROR else 'warning', source=source, text=error.message,
                domain=error.domain, code=error.code, debug=debug)
        elif message.type == Gst.MessageType.EOS:
            say('eos')
        elif message.type == Gst.MessageType.STATE_CHANGED and message.src == self.pipeline:
            say('state', state=Gst.Element.state_get_name(message.parse_state_changed()[1]))
        elif message.type == Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            say('message', source=source, name=structure.get_name(), fields=fields_of(structure))

    def command(self, command):
        """In the main loop. Every command is answered, if only with its own name."""
        name = command.pop('cmd')
        try:
            answer = getattr(self, 'do_' + name)(**command) or {}
        except Exception as error:
            answer = {'failed': f'{type(error).__name__}: {error}'}
        say('done', cmd=name, **answer)
        return GLib.SOURCE_REMOVE

    def element(self, name):
        found = self.pipeline.get_by_name(name)
        if found is None:
            raise ValueError(f'no element {name}')
        return found

    def do_state(self, state):
        began = time.monotonic()
        result = self.pipeline.set_state(getattr(Gst.State, state))
        return {'result': result.value_nick, 'seconds': time.monotonic() - began}

    def do_eos(self):
        self.pipeline.send_event(Gst.Event.new_eos())

    def do_quit(self):
        self.pipeline.set_state(Gst.State.NULL)
        self.loop.quit()

    def do_stats(self, element):
        return {'stats': fields_of(self.element(element).get_property('stats'))}

    def do_set(self, element, prop, value):
        Gst.util_set_object_arg(self.element(element), prop, str(value))

    def do_caps(self, element, caps):
        self.element(element).set_property('caps', Gst.Caps.from_string(caps))

    def do_feed(self, element, file, units):
        """Pushes access units [offset, size, pts, dts, duration, keyframe] of @file into an appsrc; null: not set."""
        if file not in self.files:
            with open(file, 'rb') as stream:
                self.files[file] = stream.read()
        data, source = self.files[file], self.element(element)
        for offset, size, pts, dts, duration, keyframe in units:
            buffer = Gst.Buffer.new_wrapped(data[offset:offset + size]) if size else Gst.Buffer.new()
            buffer.pts = NONE if pts is None else pts
            buffer.dts = NONE if dts is None else dts
            buffer.duration = NONE if duration is None else duration
            if not keyframe:
                buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
            result = source.emit('push-buffer', buffer)
            if result != Gst.FlowReturn.OK:
                return {'flow': result.value_nick}
        return {'flow': 'ok'}

    def do_end(self, element):
        return {'flow': self.element(element).emit('end-of-stream').value_nick}

    def do_release(self, element, pad):
        """Unlinks a request pad and gives it back."""
        owner = self.element(element)
        found = owner.get_static_pad(pad)
        if found.get_peer():
            peer = found.get_peer()
            if found.get_direction() == Gst.PadDirection.SINK:
                peer.unlink(found)
            else:
                found.unlink(peer)
        owner.release_request_pad(found)

    def read_commands(self):
        for line in sys.stdin:
            GLib.idle_add(self.command, json.loads(line))
        GLib.idle_add(self.do_quit)

    def run(self):
        say('ready', pid=os.getpid())
        threading.Thread(target=self.read_commands, daemon=True).start()
        self.loop.run()
        say('end')


def encode(description, path):
    pipeline = Gst.parse_launch(description)
    sink, units, caps = pipeline.get_by_name('out'), [], None
    sink.set_property('sync', False)
    pipeline.set_state(Gst.State.PLAYING)
    with open(path, 'wb') as file:
        while True:
            sample = sink.emit('pull-sample')
            if sample is None:
                break
            buffer, caps = sample.get_buffer(), sample.get_caps().to_string()
            times = [None if t == NONE else t for t in (buffer.pts, buffer.dts, buffer.duration)]
            units.append([file.tell(), buffer.get_size(), *times,
                          not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)])
            file.write(buffer.extract_dup(0, buffer.get_size()))
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message:
        raise SystemExit(str(message.parse_error()[0].message))
    with open(path + '.json', 'w') as file:
        json.dump({'caps': caps, 'units': units}, file)


def main():
    Gst.init(None)
    if sys.argv[1] == 'encode':
        encode(*sys.argv[2:])
        return
    try:
        driver = Driver(sys.argv[2])
    except GLib.Error as error:
        say('error', source=None, text=error.message, domain=error.domain, code=error.code, debug=None)
        sys.exit(1)
    driver.run()


if __name__ == '__main__':
    main()
