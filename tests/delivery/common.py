# SPDX-License-Identifier: LGPL-2.1-or-later
"""What end-to-end tests share: folders, sources, and those who judge what was published."""
import json
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = os.path.join(os.path.dirname(HERE), 'servers')


def temporary_folder(case):
    """A folder that servers with another identity may enter; removed after the test (or class)."""
    folder = tempfile.mkdtemp(prefix='t-')
    path = folder
    while path.startswith(tempfile.gettempdir()) and path != '/':
        if os.stat(path).st_uid == os.geteuid():
            os.chmod(path, os.stat(path).st_mode | 0o055)
        path = os.path.dirname(path)
    (case.addClassCleanup if isinstance(case, type) else case.addCleanup)(shutil.rmtree, folder, ignore_errors=True)
    return folder


# --- sources: real encoders, live

def h264(bitrate, options=''):
    return f'x264enc bitrate={bitrate} speed-preset=superfast key-int-max=250 {options} ! h264parse'


def video(width, height, bitrate, options='', live=True, frames=0, rate=25, pattern='smpte'):
    count = f' num-buffers={frames}' if frames else ''
    return (f'videotestsrc is-live={str(live).lower()} pattern={pattern}{count} ! '
            f'video/x-raw,format=I420,width={width},height={height},framerate={rate}/1 ! timeoverlay ! '
            + h264(bitrate, options))


def audio(live=True, buffers=0, encoder='avenc_aac bitrate=96000', parser='aacparse', rate=48000):
    # As many samples a buffer as a frame of AAC has, so that @buffers counts frames.
    count = f' num-buffers={buffers}' if buffers else ''
    return (f'audiotestsrc is-live={str(live).lower()} samplesperbuffer=1024{count} wave=ticks ! '
            f'audio/x-raw,rate={rate},channels=2 ! audioconvert ! {encoder} ! {parser}')


LADDER = {'high': (640, 360, 800, 'bframes=2 b-adapt=false'), 'mid': (480, 270, 500, 'tune=zerolatency'),
          'low': (320, 180, 300, 'tune=zerolatency')}


def ladder(group='hls'):
    """Three renditions of one picture, with audio muxed in: one source and one audio encoder for all of them."""
    width, height = max(rung[:2] for rung in LADDER.values())
    parts = [f'videotestsrc is-live=true ! video/x-raw,format=I420,width={width},height={height},framerate=25/1 ! '
             'timeoverlay ! tee name=picture']
    for name, (width, height, bitrate, options) in LADDER.items():
        parts.append(f'picture. ! queue ! videoscale ! video/x-raw,width={width},height={height} ! {h264(bitrate, options)} '
                     f'! {group}.video_{name}')
    parts.append(f'{audio()} ! tee name=sound')
    parts += [f'sound. ! queue ! {group}.audio_{name}' for name in LADDER]
    return ' '.join(parts)


# --- judges

def run(*command, timeout=120, check=True):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                            errors='replace')
    if check and result.returncode:
        raise AssertionError(f'{" ".join(command)}: {result.returncode}\n{result.stdout}\n{result.stderr}')
    return result


def ffmpeg_says(source, *options):
    """What ffmpeg has to say when it decodes all of @source: nothing, if it is right."""
    result = run('ffmpeg', '-nostdin', '-v', 'warning', *options, '-i', source, '-f', 'null', '-', check=False)
    return (result.stdout + result.stderr).strip() + (f' exit {result.returncode}' if result.returncode else '')


def probe(source, *options):
    """ffprobe's streams and format."""
    return json.loads(run('ffprobe', '-v', 'error', *options, '-show_streams', '-show_format', '-of', 'json',
                          source).stdout)


def packets(source, stream):
    """(pts, dts, keyframe) of each packet of stream v:0, a:0, in seconds."""
    text = run('ffprobe', '-v', 'error', '-select_streams', stream, '-show_entries', 'packet=pts_time,dts_time,flags',
               '-of', 'json', source).stdout
    return [(float(p['pts_time']), float(p['dts_time']), 'K' in p['flags']) for p in json.loads(text)['packets']]


def tshark_faults(path):
    """Frames with a continuity, transport error or CRC fault."""
    result = run('tshark', '-r', path, '-o', 'mpeg_sect.verify_crc:TRUE', '-Y',
                 'mp2t.cc.drop || mp2t.tei == 1 || mpeg_sect.crc.status == 0', '-T', 'fields', '-e', 'frame.number',
                 '-e', 'mp2t.pid', timeout=300)
    return result.stdout.split('\n')[:-1]


def tshark_frames(path):
    """How many packets tshark sees at all: no faults in none is no praise."""
    return len(run('tshark', '-r', path, '-T', 'fields', '-e', 'frame.number', timeout=300).stdout.splitlines())


def ts_faults(*files, continuous=True):
    """What ts_check.py finds wrong in files, in order; '' if nothing."""
    options = ['--continuous'] if continuous else []
    result = run('/usr/bin/python3', '-B', os.path.join(SERVERS, 'ts_check.py'), *options, *files, check=False)
    if result.returncode == 0:
        return ''
    return '\n'.join(json.loads(result.stdout)['errors']) if result.stdout else result.stderr


def join(files, target):
    with open(target, 'wb') as out:
        for name in files:
            with open(name, 'rb') as part:
                shutil.copyfileobj(part, out)
    return target
