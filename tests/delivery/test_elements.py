#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every element loads without a word, describes itself in full, and has a page in docs/."""
import glob
import os
import re
import unittest

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GObject, Gst      # noqa: E402

from common import HERE, run                # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
ELEMENTS = ('hlsoutputgroup', 'dirsink', 'cdnsink')


def plugins():
    return [file for folder in os.environ['GST_PLUGIN_PATH'].split(':')
            for file in sorted(glob.glob(os.path.join(folder, 'libgst*.so')))]


class Elements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Gst.init(None)

    def test_plugins_load_without_a_warning(self):
        self.assertTrue(plugins())
        for file in plugins():
            result = run('gst-inspect-1.0', file)
            self.assertEqual(result.stderr, '', file)
            self.assertRegex(result.stdout, r'License\s+LGPL')

    def test_gst_inspect_of_each_element_says_no_warning(self):
        for name in ELEMENTS:
            result = run('env', 'G_DEBUG=fatal-warnings', 'gst-inspect-1.0', name)
            self.assertEqual(result.stderr, '', name)
            self.assertIn('Pad Templates:', result.stdout)

    def own_properties(self, name):
        element = Gst.ElementFactory.make(name)
        self.assertIsNotNone(element, name)
        inherited = {'GstObject', 'GstBin', 'GstBaseSink', 'GstElement'}
        return [p for p in GObject.list_properties(element) if p.owner_type.name not in inherited]

    def test_properties_are_described(self):
        for name in ELEMENTS:
            for prop in self.own_properties(name):
                with self.subTest(f'{name}.{prop.name}'):
                    self.assertGreater(len(prop.blurb or ''), 12)
                    readable, writable = (prop.flags & f for f in (GObject.ParamFlags.READABLE,
                                                                   GObject.ParamFlags.WRITABLE))
                    self.assertTrue(readable or writable)
                    if writable:
                        # GST_PARAM_MUTABLE_READY, _PAUSED, _PLAYING: when it may be set
                        self.assertTrue(int(prop.flags) & (7 << 10), 'no mutability flag')

    def test_no_element_without_a_page(self):
        for name in ELEMENTS:
            with self.subTest(name):
                path = os.path.join(ROOT, 'docs', name + '.md')
                self.assertTrue(os.path.exists(path), f'docs/{name}.md')
                with open(path) as file:
                    page = file.read()
                for prop in self.own_properties(name):
                    self.assertIn(f'`{prop.name}`', page, f'docs/{name}.md says nothing of {prop.name}')

    def test_links_between_pages_lead_somewhere(self):
        pages = glob.glob(os.path.join(ROOT, 'docs', '*.md')) + [os.path.join(ROOT, 'README.md')]
        self.assertTrue(pages)
        for page in pages:
            with open(page) as file:
                text = file.read()
            for target in re.findall(r'\]\(([^)#\s]+)[^)]*\)', text):
                if '://' not in target:
                    self.assertTrue(os.path.exists(os.path.join(os.path.dirname(page), target)),
                                    f'{os.path.basename(page)} links to {target}')


if __name__ == '__main__':
    unittest.main()
