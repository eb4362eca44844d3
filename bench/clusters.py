"""Three members of Gavel, etcd or ZooKeeper on free loopback ports, for what is measured here."""
import contextlib
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEMBERS = 3
START_MAX_S = 30


def free_ports(count):
    """Ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=2) as answer:
        return json.loads(answer.read() or b'{}')


def status_of(pid):
    """The fields of /proc/PID/status that are sizes, in kB."""
    with open(f'/proc/{pid}/status', encoding='ascii') as lines:
        fields = dict(line.split(':', 1) for line in lines)
    return {name: int(value.split()[0]) for name, value in fields.items() if value.endswith('kB\n')}


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Cluster:
    """Three members of one system. A subclass says how a member starts and who leads."""

    name = ''

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.name)
        self.ports = free_ports(MEMBERS)
        self.peer_ports = free_ports(MEMBERS * 2)
        self.processes = [None] * MEMBERS
        os.makedirs(self.folder)

    def member_folder(self, i):
        return os.path.join(self.folder, f'n{i + 1}')

    def start(self):
        for i in range(MEMBERS):
            self.start_member(i)
        self.wait_until(self.is_ready, 'ready')

    def start_member(self, i):
        os.makedirs(self.member_folder(i), exist_ok=True)
        with open(os.path.join(self.folder, f'n{i + 1}.log'), 'ab') as log:
            self.processes[i] = subprocess.Popen(self.command(i), stdin=subprocess.DEVNULL,
                                                 stdout=log, stderr=log, start_new_session=True,
                                                 cwd=self.member_folder(i))

    def wait_until(self, condition, what):
        end = time.monotonic() + START_MAX_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError, KeyError):
                if condition():
                    return
            for i, process in enumerate(self.processes):
                if process.poll() is not None:
                    sys.exit(f'{self.name}: member {i + 1} ended with {process.returncode}: '
                             + self.last_words(i))
            time.sleep(0.05)
        sys.exit(f'{self.name}: not {what} after {START_MAX_S} s: ' + self.last_words(0))

    def last_words(self, i):
        with open(os.path.join(self.folder, f'n{i + 1}.log'), encoding='utf-8', errors='replace') as log:
            return log.read()[-500:].strip() or '(it said nothing)'

    def is_ready(self):
        return self.leader() is not None and all(self.answers(i) for i in range(MEMBERS))

    def endpoints(self):
        """The leader's first."""
        leader = self.leader() or 0
        order = [leader] + [i for i in range(MEMBERS) if i != leader]
        return [f'127.0.0.1:{self.ports[i]}' for i in order]

    def cpu(self):
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def stop_member(self, i):
        process = self.processes[i]
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self):
        for i in range(MEMBERS):
            self.stop_member(i)


class Gavel(Cluster):
    name = 'gavel'

    def __init__(self, folder, binaries, more):
        super().__init__(folder)
        self.gaveld = os.path.join(binaries, 'gaveld')
        self.more = more

    @staticmethod
    def missing(binaries):
        path = os.path.join(binaries, 'gaveld')
        return None if os.access(path, os.X_OK) else f'no {path}'

    def command(self, i):
        cluster = ','.join(f'n{k + 1}=127.0.0.1:{self.peer_ports[k]}' for k in range(MEMBERS))
        return [self.gaveld, '--name', f'n{i + 1}', '--data-dir', self.member_folder(i),
                '--listen', f'127.0.0.1:{self.ports[i]}',
                '--peer-listen', f'127.0.0.1:{self.peer_ports[i]}',
                '--initial-cluster', cluster, '--log-level', 'warning', *self.more]

    def answers(self, i):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.ports[i]}/readyz', timeout=2) as answer:
            return answer.status == 200

    def leader(self):
        for i in range(MEMBERS):
            with contextlib.suppress(OSError):
                status = ask(f'http://127.0.0.1:{self.ports[i]}/v1/status')
                if status['role'] == 'leader':
                    return i
        return None


class Etcd(Cluster):
    name = 'etcd'

    @staticmethod
    def missing(_):
        return None if shutil.which('etcd') else 'etcd is not installed'

    def command(self, i):
        client = f'http://127.0.0.1:{self.ports[i]}'
        peer = f'http://127.0.0.1:{self.peer_ports[i]}'
        cluster = ','.join(f'n{k + 1}=http://127.0.0.1:{self.peer_ports[k]}' for k in range(MEMBERS))
        return ['etcd', '--name', f'n{i + 1}', '--data-dir', self.member_folder(i),
                '--listen-client-urls', client, '--advertise-client-urls', client,
                '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
                '--initial-cluster', cluster, '--initial-cluster-state', 'new',
                '--logger', 'zap', '--log-level', 'error', '--quota-backend-bytes', str(8 << 30)]

    def status(self, i):
        return ask(f'http://127.0.0.1:{self.ports[i]}/v3/maintenance/status', {})

    def answers(self, i):
        return ask(f'http://127.0.0.1:{self.ports[i]}/health')['health'] == 'true'

    def leader(self):
        for i in range(MEMBERS):
            with contextlib.suppress(OSError):
                status = self.status(i)
                if status.get('leader', '0') == status['header']['member_id']:
                    return i
        return None


class Zookeeper(Cluster):
    name = 'zookeeper'
    JARS = ('zookeeper', 'zookeeper-jute', 'slf4j-api', 'slf4j-nop', 'log4j-1.2', 'netty-handler',
            'netty-common', 'netty-transport', 'netty-transport-native-epoll', 'netty-buffer',
            'netty-codec', 'netty-resolver', 'snappy-java', 'metrics-core', 'commons-cli')

    @staticmethod
    def missing(_):
        if not shutil.which('java'):
            return 'java is not installed'
        return None if glob.glob('/usr/share/java/zookeeper*.jar') else 'ZooKeeper is not installed'

    def command(self, i):
        folder = self.member_folder(i)
        with open(os.path.join(folder, 'myid'), 'w', encoding='ascii') as myid:
            myid.write(str(i + 1))
        config = os.path.join(folder, 'zoo.cfg')
        with open(config, 'w', encoding='ascii') as out:
            out.write(f'tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={folder}\n'
                      f'clientPort={self.ports[i]}\nclientPortAddress=127.0.0.1\n'
                      'maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n'
                      'autopurge.purgeInterval=0\n')
            for k in range(MEMBERS):
                peer, election = self.peer_ports[k], self.peer_ports[MEMBERS + k]
                out.write(f'server.{k + 1}=127.0.0.1:{peer}:{election}\n')
        path = ':'.join(f'/usr/share/java/{jar}.jar' for jar in self.JARS)
        return ['java', '-cp', path, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', config]

    def mode(self, i):
        with socket.create_connection(('127.0.0.1', self.ports[i]), 2) as link:
            link.sendall(b'srvr')
            text = b''.join(iter(lambda: link.recv(4096), b'')).decode()
        return next((line.split()[1] for line in text.splitlines() if line.startswith('Mode:')), None)

    def answers(self, i):
        return self.mode(i) in ('leader', 'follower')

    def leader(self):
        for i in range(MEMBERS):
            with contextlib.suppress(OSError):
                if self.mode(i) == 'leader':
                    return i
        return None
