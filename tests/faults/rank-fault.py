#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of two processes, of which the second one loses its device once (vk-fault.c): the first
one does its work, with a note, and in the next run both work again. Writes TAP.

The program and the library to preload are named by PD_PROGRAM and PD_FAULT_LIBRARY.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

REQUEST = {'prompt': 'moss', 'width': 128, 'height': 128, 'tile': 64, 'overlap': 16, 'steps': 2, 'seed': 3,
           'guidance': 1, 'kernels': 'general', 'progressive': 'off'}
LOSS = {'PD_FAULT_CALL': 'vkQueueSubmit', 'PD_FAULT_NUMBER': '20', 'PD_FAULT_RESULT': '-4', 'PD_FAULT_LASTING': '1',
        'PD_FAULT_DEVICE': '1'}


def start(folder):
    """The service."""
    program = os.environ['PD_PROGRAM']
    faulty = ['env', 'LD_PRELOAD=' + os.environ['PD_FAULT_LIBRARY'], *(f'{a}={b}' for a, b in LOSS.items())]
    root = ['--allow-run-as-root'] if os.getuid() == 0 else []
    return subprocess.Popen(
        ['mpirun', *root, '--oversubscribe', '-n', '1', program, 'serve', ':',
         '-n', '1', *faulty, program, 'serve'],
        env=dict(os.environ, PD_CONFINE_WRITE=folder, LP_NUM_THREADS='1'),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def read(service):
    """The next message."""
    length = 0
    for line in iter(service.stdout.readline, b'\r\n'):
        name, _, value = line.partition(b':')
        if not line:
            sys.exit('the service ended')
        if name == b'Content-Length':
            length = int(value)
    return json.loads(service.stdout.read(length))


def run(service, number, output):
    """The report of a run, and its notes."""
    call = json.dumps({'jsonrpc': '2.0', 'id': number, 'method': 'generate',
                       'params': {'request': REQUEST, 'output': output}}).encode()
    service.stdin.write(b'Content-Length: %d\r\n\r\n' % len(call) + call)
    service.stdin.flush()
    notes = []
    for message in iter(lambda: read(service), None):
        if message.get('method') == 'note':
            notes.append(message['params']['message'])
        elif 'id' in message:
            return message.get('result', message), notes


def main():
    if shutil.which('mpirun') is None:
        print('1..0 # SKIP mpirun is not installed')
        return
    print('1..3', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        service = start(folder)
        outputs = [os.path.join(folder, name) for name in ('first', 'second')]
        runs = [run(service, i, output) for i, output in enumerate(outputs)]
        service.stdin.close()
        service.wait()
        pictures = [open(output, 'rb').read() for output in outputs]
    for report, notes in runs:
        print('#', report.get('worker_tiles', report), *notes)
    lost = [any('of process 1 was lost' in note for note in notes) for _, notes in runs]
    checks = {'a lost device of another process is noted': lost[0],
              'the next run has it again': not lost[1] and '0' not in runs[1][0]['worker_tiles'].split(),
              'the pictures are the same': pictures[0] == pictures[1]}
    for i, (name, passed) in enumerate(checks.items(), 1):
        print('ok' if passed else 'not ok', i, '-', name)


main()
