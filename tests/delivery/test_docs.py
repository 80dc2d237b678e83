#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages say what the elements say of themselves, their command lines parse, and what they name is there."""
import glob
import os
import re
import shlex
import unittest

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, GObject, Gst        # noqa: E402

from common import HERE, run                        # noqa: E402

TESTS = os.path.dirname(HERE)
ROOT = os.path.dirname(TESTS)
PAGES = [os.path.join(ROOT, 'README.md'), *sorted(glob.glob(os.path.join(ROOT, 'docs', '*.md')))]
ELEMENTS = ('hlsoutputgroup', 'cdnsink', 'dirsink')
INHERITED = {'GstObject', 'GstElement', 'GstBin', 'GstBaseSink', 'GstPad', 'GstProxyPad', 'GstGhostPad'}
SET_IN = {'changeable only in NULL or READY state': 'READY',
          'changeable in NULL, READY, PAUSED or PLAYING state': 'any'}


def read(path):
    with open(path) as file:
        return file.read()


def own_properties(owner):
    return {p.name for p in GObject.list_properties(owner) if p.owner_type.name not in INHERITED}


def inspected(element, names, indent):
    """name: (default, range or values, set in), of the properties in @names as gst-inspect-1.0 shows them; None: it
    does not say."""
    found, block = {}, None
    for line in run('gst-inspect-1.0', element).stdout.splitlines():
        start = re.match(rf'{" " * indent}([a-z][a-z0-9-]*)\s*: ', line)
        if start:
            block = found.setdefault(start.group(1), [])
        elif not line.startswith(' ' * (indent + 4)):
            block = None
        if block is not None:
            block.append(line.strip())
    return {name: described(found[name]) for name in names}


def described(lines):
    text = '\n'.join(lines)
    flags = re.search(r'^flags: (.*)$', text, re.M).group(1)
    set_in = next((word for phrase, word in SET_IN.items() if phrase in flags),
                  'read' if 'writable' not in flags else None)
    default = re.search(r'Default: (?:\d+, )?(?:"([^"]*)"|(\S+))', text)
    limits = re.search(r'Range: (\S+) - (\S+)', text)
    values = re.findall(r'^\(-?\d+\): (\S+) ', text, re.M)
    allowed = f'{limits.group(1)} to {limits.group(2)}' if limits else ', '.join(values) if values else None
    return default and (default.group(1) or default.group(2)), allowed, set_in


def tables(text):
    """(heading, columns, rows) of each table."""
    heading, rows = '', []
    for line in [*text.splitlines(), '']:
        if line.startswith('#'):
            heading = line.lstrip('# ')
        if line.startswith('|'):
            rows.append([cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]])
        elif rows:
            yield heading, rows[0], rows[2:]
            rows = []


def property_rows(page, heading):
    """name: its cells, of the table of properties under @heading."""
    for found, columns, rows in tables(page):
        if found == heading and columns[0] == 'property':
            names = [row[0].strip('`') for row in rows]
            assert len(names) == len(set(names)), names
            return {row[0].strip('`'): dict(zip(columns, (cell.replace('`', '') for cell in row))) for row in rows}
    raise AssertionError(f'no table of properties under "{heading}"')


def fences(text):
    """(language, lines) of each fenced block; lines that a backslash continues are one."""
    for language, body in re.findall(r'^```(\w*)\n(.*?)^```$', text, re.M | re.S):
        yield language, body.replace('\\\n', ' ').splitlines()


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Gst.init(None)

    def compare(self, name, page, heading, actual, shown):
        rows = property_rows(page, heading)
        self.assertEqual(set(rows), actual, f'docs/{name}.md, {heading}')
        for prop, (default, allowed, set_in) in shown.items():
            with self.subTest(f'{name}.{prop}'):
                row = rows[prop]
                self.assertEqual(row['default'], default or 'none')
                self.assertEqual(row['set in'], set_in)
                if allowed:
                    self.assertEqual(row['range'], allowed)
                self.assertTrue(row['range'] and row['what it does'])

    def test_properties_of_elements(self):
        for name in ELEMENTS:
            actual = own_properties(Gst.ElementFactory.make(name))
            self.assertTrue(actual)
            self.compare(name, read(os.path.join(ROOT, 'docs', name + '.md')), 'Properties', actual,
                         inspected(name, actual, 2))

    def test_properties_of_children(self):
        page = read(os.path.join(ROOT, 'docs', 'hlsoutputgroup.md'))
        group = Gst.ElementFactory.make('hlsoutputgroup')
        self.assertTrue(group.request_pad_simple('video_high') and group.request_pad_simple('src_0'))
        pad = own_properties(group.get_child_by_name('src_0'))
        self.compare('hlsoutputgroup', page, 'Properties of a pipeline', pad, inspected('hlsoutputgroup', pad, 6))
        # gst-inspect-1.0 does not know an output before its pad is requested
        output = group.get_child_by_name('high')
        self.compare('hlsoutputgroup', page, 'Properties of an output', own_properties(output), {})
        rows = property_rows(page, 'Properties of an output')
        self.assertEqual(rows['name-modifier']['default'], "- and the output's name")
        self.assertEqual(output.get_property('name-modifier'), '-high')
        self.assertEqual(rows['segment-modifier']['default'], 'null')
        self.assertIsNone(output.get_property('segment-modifier'))

    def test_stats(self):
        page = read(os.path.join(ROOT, 'docs', 'cdnsink.md'))
        rows = next(rows for heading, _, rows in tables(page) if heading == 'Stats')
        stats = Gst.ElementFactory.make('cdnsink').get_property('stats')
        types = {'guint64': 'uint64', 'gdouble': 'double', 'gchararray': 'string'}
        self.assertEqual({row[0].strip('`'): row[1].split(',')[0] for row in rows},
                         {stats.nth_field_name(i): types[stats.get_field_type(stats.nth_field_name(i)).name]
                          for i in range(stats.n_fields())})

    def check_launch_line(self, args):
        while args[0].startswith('-'):
            args = args[1:]
        try:
            pipeline = Gst.parse_launchv_full(args, None, Gst.ParseFlags.FATAL_ERRORS)
        except GLib.Error as error:
            self.fail(error.message)
        # Children's properties are set when the child comes: one that never does goes unnoticed.
        elements = [e for e in self.all_elements(pipeline) if isinstance(e, Gst.ChildProxy)]
        for arg in args:
            child = re.match(r'([\w-]+)::([\w-]+)=', arg)
            if child:
                found = filter(None, (e.get_child_by_name(child.group(1)) for e in elements))
                self.assertTrue(any(f.find_property(child.group(2)) for f in found), arg)

    @staticmethod
    def all_elements(pipeline):
        iterator, found = pipeline.iterate_recurse(), []
        while True:
            result, element = iterator.next()
            if result != Gst.IteratorResult.OK:
                return found
            found.append(element)

    def test_command_lines(self):
        launched = 0
        for path in PAGES:
            for language, lines in fences(read(path)):
                for line in lines:
                    args = shlex.split(line, comments=True)
                    with self.subTest(f'{os.path.basename(path)}: {line[:70]}'):
                        if 'gst-launch-1.0' in args:
                            self.assertEqual(language, 'sh', 'a launch line in a block that is not sh')
                            launched += 1
                            self.check_launch_line(args[args.index('gst-launch-1.0') + 1:])
                        elif language == 'sh' and args and args[0].startswith('./') and not args[0].startswith('./build/'):
                            self.assertTrue(os.access(os.path.join(ROOT, args[0]), os.X_OK), args[0])
        self.assertGreaterEqual(launched, 7)

    def test_what_the_architecture_names_is_there(self):
        text = read(os.path.join(ROOT, 'docs', 'architecture.md'))
        sources = {path: read(path) for folder in ('gst', 'ext', 'tests') for kind in ('c', 'h', 'py')
                   for path in glob.glob(os.path.join(ROOT, folder, '**', f'*.{kind}'), recursive=True)}
        names = re.findall(r'`([^`\n]+)`', text)
        files = [name for name in names if re.fullmatch(r'[\w/.-]+/[\w.-]+\.[ch]', name)]
        functions = [name[:-2] for name in names if re.fullmatch(r'\w+\(\)', name)]
        rules = next(rows for heading, _, rows in tables(text) if heading == 'The rules')
        self.assertEqual([row[0][2] for row in rules], list('12345678'))
        self.assertGreater(len(files), 20)
        for file in files:
            self.assertTrue(os.path.exists(os.path.join(ROOT, file)), file)
        for function in functions:
            self.assertTrue(any(re.search(rf'\b{function} ?\(', code) for path, code in sources.items()
                                if not path.startswith(TESTS)), function)
        tests = '\n'.join(code for path, code in sources.items() if path.startswith(TESTS))
        for row in rules:
            named = re.findall(r'`(\w+)`', row[2])
            self.assertTrue(named, row[0])
            for test in named:
                self.assertTrue(re.search(rf'GST_START_TEST \({test}\)|def {test}\(', tests), test)


if __name__ == '__main__':
    unittest.main()
